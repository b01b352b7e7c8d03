import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import * as React from 'react';
import type { IProblem } from '../../tokens';
import { localCheck } from '../localCheck';
import { type IProfileEditorProps, ProfileEditor } from '../ProfileEditor';
import type { JsonObject } from '../profileFields';
import { SCHEMA } from './schema';
import { trans } from './sample';

const LOCKED: readonly string[] = [];
const NOTHING: JsonObject = {};
const OPTIONS = {
  system: [
    { value: 'local', title: 'This machine' },
    { value: 'slurm', title: 'Slurm' }
  ]
};

const problem = (field: string | null, message: string): IProblem => ({
  message,
  field,
  file: null,
  line: null,
  column: null
});

type More = Partial<IProfileEditorProps> & {
  base?: NonNullable<IProfileEditorProps['form']>['base'];
  locked?: readonly string[];
  lockedValues?: JsonObject;
  start?: JsonObject;
};

/** An editor that keeps what is typed, as its tab does. */
function Editor({
  base,
  locked,
  lockedValues,
  start,
  onChange,
  ...more
}: More): React.ReactElement {
  const [value, setValue] = React.useState<JsonObject>(start ?? { system: 'slurm' });
  return (
    <ProfileEditor
      title="mine"
      name="mine"
      isNew={false}
      origin="mine.yaml"
      readOnly={null}
      copyable
      dirty
      saving={false}
      blocked={null}
      note={null}
      failure={null}
      failed={0}
      problems={[]}
      form={{
        schema: SCHEMA,
        value,
        base: base ?? null,
        locked: locked ?? LOCKED,
        lockedValues: lockedValues ?? NOTHING,
        options: OPTIONS
      }}
      formError={null}
      preview={{
        preview: null,
        asking: false,
        error: null,
        stale: false,
        blocked: null,
        onAsk: jest.fn()
      }}
      trans={trans}
      onName={jest.fn()}
      onChange={next => {
        setValue(next);
        onChange?.(next);
      }}
      onSave={jest.fn()}
      onSaveAndStart={jest.fn()}
      onRevert={jest.fn()}
      onDelete={jest.fn()}
      onCopy={jest.fn()}
      onReload={jest.fn()}
      {...more}
    />
  );
}

function last(onChange: jest.Mock): JsonObject {
  return onChange.mock.calls[onChange.mock.calls.length - 1][0];
}

function type(name: string, text: string): void {
  fireEvent.change(screen.getByLabelText(name), { target: { value: text } });
}

describe('the form', () => {
  it('writes only what is typed, each as what it is', () => {
    const onChange = jest.fn();
    render(<Editor onChange={onChange} />);
    type('Cores', '24');
    type('Memory', '120 GB');
    type('Scale', '4');
    expect(last(onChange)).toEqual({
      system: 'slurm',
      scale: { jobs: 4 },
      options: { cores: 24, memory: '120 GB' }
    });
    fireEvent.change(screen.getByLabelText('Unit of Scale'), { target: { value: 'workers' } });
    expect(last(onChange).scale).toEqual({ workers: 4 });
    type('Cores', '');
    expect(last(onChange).options).toEqual({ memory: '120 GB' });
  });

  it('keeps a text as it is typed', () => {
    render(<Editor />);
    type('Cores', '2.');
    expect(screen.getByLabelText('Cores')).toHaveValue('2.');
    type('Cores', '$N');
    expect(screen.getByLabelText('Cores')).toHaveValue('$N');
  });

  it('has the rest under More, drawn only when it is open', () => {
    const onChange = jest.fn();
    render(<Editor onChange={onChange} />);
    expect(screen.queryByLabelText('Tenure')).toBeNull();
    const more = screen.getByRole('button', { name: /More/ });
    expect(more).toHaveAttribute('aria-expanded', 'false');
    fireEvent.click(more);
    expect(screen.getByRole('group', { name: 'Adaptive size' })).toBeInTheDocument();
    fireEvent.change(screen.getByLabelText('Tenure'), { target: { value: 'detached' } });
    type('Environment', 'A=1\n');
    expect(screen.getByLabelText('Environment')).toHaveValue('A=1\n');
    expect(last(onChange)).toEqual({
      system: 'slurm',
      tenure: 'detached',
      environment: { A: '1' }
    });
    expect(screen.getByText('2 fields are set')).toBeInTheDocument();
  });

  it('shows what holds otherwise as what an empty field means', () => {
    render(
      <Editor
        base={{ name: 'site', values: { options: { queue: 'normal' }, tenure: 'server' } }}
        start={{ extends: 'site' }}
      />
    );
    const queue = screen.getByLabelText('Queue');
    expect(queue).toHaveValue('');
    expect(queue).toHaveAttribute('placeholder', 'normal (from site)');
    fireEvent.click(screen.getByRole('button', { name: /More/ }));
    expect(
      within(screen.getByLabelText('Tenure')).getByText('Not given: server (from site)')
    ).toBeInTheDocument();
    expect(
      within(screen.getByLabelText('Launcher')).getByText('Not given: no (default)')
    ).toBeInTheDocument();
  });

  it('can say nothing, whatever is inherited, and take it back', () => {
    const onChange = jest.fn();
    render(
      <Editor
        base={{ name: 'site', values: { options: { queue: 'normal' } } }}
        start={{}}
        onChange={onChange}
      />
    );
    fireEvent.click(screen.getByRole('button', { name: 'None for Queue' }));
    expect(last(onChange)).toEqual({ options: { queue: null } });
    fireEvent.click(screen.getByRole('button', { name: 'Inherit Queue' }));
    expect(last(onChange)).toEqual({});
  });

  it('shows locked fields locked, with their value', () => {
    render(<Editor locked={['options.queue']} lockedValues={{ options: { queue: 'normal' } }} />);
    const queue = screen.getByLabelText(/Queue/);
    expect(queue).toBeDisabled();
    expect(queue).toHaveValue('normal');
    expect(queue).toHaveAccessibleDescription(/An administrator has locked this field/);
  });

  it('shows what else is in the file, and takes it out only when told', () => {
    const onChange = jest.fn();
    render(<Editor start={{ system: 'slurm', options: { cors: 4 } }} onChange={onChange} />);
    type('Title', 'x');
    expect(last(onChange)).toEqual({ system: 'slurm', title: 'x', options: { cors: 4 } });
    fireEvent.click(screen.getByRole('button', { name: 'Remove options.cors' }));
    expect(last(onChange)).toEqual({ system: 'slurm', title: 'x' });
  });

  it('adds and removes groups', () => {
    const onChange = jest.fn();
    render(<Editor onChange={onChange} />);
    fireEvent.click(screen.getByRole('button', { name: /More/ }));
    type('Name of a new group', 'Big');
    fireEvent.click(screen.getByRole('button', { name: 'Add group' }));
    expect(screen.getByLabelText('Name of a new group')).toHaveAccessibleDescription(
      /small letters/
    );
    type('Name of a new group', 'big');
    fireEvent.click(screen.getByRole('button', { name: 'Add group' }));
    expect(last(onChange)).toEqual({ system: 'slurm', groups: { big: {} } });
    const group = screen.getByRole('group', { name: 'Group “big”' });
    fireEvent.change(within(group).getByLabelText('Queue'), { target: { value: 'fat' } });
    expect(last(onChange).groups).toEqual({ big: { options: { queue: 'fat' } } });
    fireEvent.click(screen.getByRole('button', { name: 'Remove group “big”' }));
    expect(last(onChange)).toEqual({ system: 'slurm' });
  });

  it('says what is wrong at the field and above, with the way there', async () => {
    Element.prototype.scrollIntoView = jest.fn();
    render(
      <Editor
        problems={[
          problem('options.cores', '“many” is no number'),
          problem('tenure', 'needs an idle_timeout'),
          problem(null, 'The file is in use.')
        ]}
      />
    );
    const cores = screen.getByLabelText('Cores');
    expect(cores).toBeInvalid();
    expect(cores).toHaveAccessibleDescription(/“many” is no number/);
    expect(screen.getByText('3 things are wrong')).toBeInTheDocument();
    expect(screen.getByText('The file is in use.')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Save and start' })).toBeDisabled();
    // It is under "More", which opens.
    fireEvent.click(screen.getByRole('button', { name: /needs an idle_timeout/ }));
    await waitFor(() => expect(screen.getByLabelText('Tenure')).toHaveFocus());
  });
});

describe('the editor', () => {
  it('brings the keyboard to what is wrong when a save failed', () => {
    const { rerender } = render(<Editor problems={[problem('options.cores', 'wrong')]} />);
    rerender(<Editor problems={[problem('options.cores', 'wrong')]} failed={1} />);
    expect(document.activeElement).toHaveTextContent('1 thing is wrong');
  });

  it('offers a copy of what is not to be changed', () => {
    const onCopy = jest.fn();
    render(<Editor readOnly="It comes with Dask Steward." onCopy={onCopy} />);
    expect(screen.getByLabelText('Queue')).toBeDisabled();
    expect(screen.queryByRole('button', { name: 'Save' })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Copy as mine' }));
    expect(onCopy).toHaveBeenCalled();
  });

  it('asks for the name of a new one, and saves by Ctrl S', () => {
    const onName = jest.fn();
    const onSave = jest.fn();
    render(
      <Editor
        isNew
        name=""
        onName={onName}
        onSave={onSave}
        problems={[problem('name', 'is taken')]}
      />
    );
    const name = screen.getByLabelText('Name');
    expect(name).toHaveFocus();
    expect(name).toHaveAccessibleDescription(/is taken/);
    fireEvent.change(name, { target: { value: 'other' } });
    expect(onName).toHaveBeenCalledWith('other');
    fireEvent.keyDown(name, { key: 's', ctrlKey: true });
    expect(onSave).toHaveBeenCalled();
  });

  it('shows what a start would take, and why it would be refused', () => {
    const preview = {
      profile: 'mine',
      system: 'slurm',
      jobs: 4,
      cores: 96,
      memory: 480e9,
      start: null,
      refusal: 'sbatch: invalid partition',
      warnings: ['No walltime is given.'],
      groups: [
        {
          name: 'main',
          jobs: 4,
          script: '#!/bin/sh\n<b>',
          start: null,
          nodes: null,
          partition: 'normal'
        }
      ],
      text: ''
    };
    render(
      <Editor
        preview={{
          preview,
          asking: false,
          error: null,
          stale: true,
          blocked: null,
          onAsk: jest.fn()
        }}
      />
    );
    expect(screen.getByRole('alert')).toHaveTextContent('sbatch: invalid partition');
    expect(screen.getByText('96 cores, 96 core-h per hour')).toBeInTheDocument();
    expect(screen.getByRole('region', { name: 'Job script' })).toHaveTextContent('<b>');
    expect(screen.getByText('The form has changed since.')).toBeInTheDocument();
  });

  it('can be tried again when there is no form', () => {
    const onReload = jest.fn();
    render(<Editor form={null} formError="No such system." onReload={onReload} />);
    act(() => screen.getByRole('button', { name: 'Try again' }).click());
    expect(onReload).toHaveBeenCalled();
  });
});

describe('localCheck', () => {
  it('says one sentence for each field that does not fit', () => {
    const found = localCheck(
      SCHEMA,
      {
        system: 'slurm',
        options: { cores: 0, cors: 4, queue: 'x' },
        tenure: 'for ever',
        launcher: '$X'
      },
      trans
    );
    expect(found.map(each => each.field).sort()).toEqual([
      'options.cores',
      'options.cors',
      'tenure'
    ]);
  });

  it('has nothing against a right profile', () => {
    expect(localCheck(SCHEMA, { system: 'slurm', scale: { jobs: 2 }, adapt: null }, trans)).toEqual(
      []
    );
  });
});
