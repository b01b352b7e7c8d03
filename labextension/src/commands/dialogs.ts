/**
 * Small dialogs that ask for what a command was not given.
 *
 * Plain inputs with labels of their own: the browser checks them, says what is wrong and reads them
 * aloud, and Lab's dialog keeps its button closed while one is invalid.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

/** One labelled input. */
export interface IField {
  name: string;
  label: string;
  value?: string | number;
  /** A sentence under the input. */
  note?: string;
  kind: 'text' | 'number' | 'select';
  required?: boolean;
  /** Of a number. */
  min?: number;
  max?: number;
  /** Of a select. */
  options?: readonly { value: string; label: string; disabled?: boolean }[];
  placeholder?: string;
  maxLength?: number;
}

/** What was typed, by name of field. */
export type Answers = Record<string, string>;

let made = 0;

/** The body of a dialog: fields one under the other. */
class FormBody extends Widget implements Dialog.IBodyWidget<Answers> {
  constructor(fields: readonly IField[], intro: string | undefined, check: IForm['check']) {
    super();
    this.addClass('dsk-Form');
    if (intro) {
      const text = document.createElement('p');
      text.className = 'dsk-Form-intro';
      text.textContent = intro;
      this.node.append(text);
    }
    for (const field of fields) {
      this._add(field);
    }
    this._check = check;
    if (check) {
      this._problem.className = 'dsk-Form-problem';
      this._problem.setAttribute('role', 'alert');
      this.node.append(this._problem);
      this.node.addEventListener('input', () => this._validate());
    }
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    // Lab's dialog listens only once it is attached as a whole.
    window.setTimeout(() => this._validate(), 0);
  }

  /** Look at the answers together. */
  private _validate(): void {
    const wrong = this._check?.(this.getValue()) ?? null;
    const told = wrong ? wrong.join() : '';
    if (told === this._told) {
      return;
    }
    this._told = told;
    for (const [name, input] of this._inputs) {
      input.setCustomValidity(wrong?.[0] === name ? wrong[1] : '');
    }
    this._problem.textContent = wrong?.[1] ?? '';
    // Lab has looked at the fields already (at the document, before it came here): let it look again.
    this.node.dispatchEvent(new Event('input', { bubbles: true }));
  }

  getValue(): Answers {
    return Object.fromEntries([...this._inputs].map(([name, input]) => [name, input.value.trim()]));
  }

  private _add(field: IField): void {
    const id = `dsk-field-${++made}`;
    const label = document.createElement('label');
    label.htmlFor = id;
    label.textContent = field.label;
    const input =
      field.kind === 'select' ? document.createElement('select') : document.createElement('input');
    input.id = id;
    input.name = field.name;
    input.required = field.required ?? true;
    if (input instanceof HTMLSelectElement) {
      for (const option of field.options ?? []) {
        const node = new Option(option.label, option.value);
        node.disabled = option.disabled ?? false;
        input.add(node);
      }
      if (field.value !== undefined) {
        input.value = String(field.value);
      }
    } else {
      input.type = field.kind;
      input.value = String(field.value ?? '');
      input.autocomplete = 'off';
      if (field.placeholder) {
        input.placeholder = field.placeholder;
      }
      if (field.maxLength) {
        input.maxLength = field.maxLength;
      }
      if (field.kind === 'number') {
        input.min = String(field.min ?? 0);
        input.step = '1';
        if (field.max !== undefined) {
          input.max = String(field.max);
        }
      }
    }
    this.node.append(label, input);
    if (field.note) {
      const note = document.createElement('div');
      note.id = `${id}-note`;
      note.className = 'dsk-Form-note';
      note.textContent = field.note;
      input.setAttribute('aria-describedby', note.id);
      this.node.append(note);
    }
    this._inputs.set(field.name, input);
  }

  private readonly _check: IForm['check'];
  private readonly _problem = document.createElement('p');
  private _told = '';
  private readonly _inputs = new Map<string, HTMLInputElement | HTMLSelectElement>();
}

/** What a form asks. */
export interface IForm {
  title: string;
  intro?: string;
  fields: readonly IField[];
  /** The label of the button that does it. */
  accept: string;
  /** What is wrong with the answers together: the field and a sentence. */
  check?: (answers: Answers) => [name: string, sentence: string] | null;
}

/** Ask; null when a person thinks better of it. */
export async function ask(form: IForm, trans: TranslationBundle): Promise<Answers | null> {
  const dialog = new Dialog<Answers>({
    title: form.title,
    body: new FormBody(form.fields, form.intro, form.check),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: form.accept })
    ],
    focusNodeSelector: 'input, select'
  });
  name(dialog, form.title);
  const result = await dialog.launch();
  return result.button.accept ? result.value : null;
}

/** Ask whether to do what cannot be undone. */
export async function confirm(
  title: string,
  body: string,
  accept: string,
  trans: TranslationBundle
): Promise<boolean> {
  const result = await showDialog({
    title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: accept })
    ],
    // Return must not stop what computes.
    defaultButton: 0
  });
  return result.button.accept;
}

/** Give a dialog its name: Lab's has the role, but nothing that a screen reader could call it. */
function name(dialog: Dialog<unknown>, title: string): void {
  const node = dialog.node;
  if (!node.getAttribute('aria-labelledby') && !node.getAttribute('aria-label')) {
    node.setAttribute('aria-label', title);
  }
}
