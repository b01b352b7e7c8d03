import * as React from 'react';
import { createPortal } from 'react-dom';
import { Sign } from './Glyph';

export interface IMenuItem {
  id: string;
  label: string;
  /** Said after the label, in grey. */
  detail?: string;
  /** One of several, of which one is chosen. */
  checked?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

/** Items that belong together; a title where they need one. */
export interface IMenuPart {
  id: string;
  title?: string;
  items: IMenuItem[];
}

export interface IMenuButtonProps {
  label: string;
  className?: string;
  parts: () => IMenuPart[];
  children: React.ReactNode;
  disabled?: boolean;
}

/** A button with a menu: arrow keys, Home, End, first letters and Escape as the ARIA practices describe. */
export function MenuButton({
  label,
  className,
  parts,
  children,
  disabled
}: IMenuButtonProps): JSX.Element {
  const button = React.useRef<HTMLButtonElement>(null);
  const [opened, setOpened] = React.useState<'first' | 'last' | null>(null);
  const close = React.useCallback((refocus: boolean) => {
    setOpened(null);
    if (refocus) {
      button.current?.focus();
    }
  }, []);
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className ?? 'dsk-Button dsk-mod-icon'}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={opened !== null}
        disabled={disabled}
        onClick={() => setOpened(opened ? null : 'first')}
        onKeyDown={event => {
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            event.stopPropagation();
            setOpened(event.key === 'ArrowUp' ? 'last' : 'first');
          }
        }}
      >
        {children}
      </button>
      {opened && (
        <Menu
          label={label}
          parts={parts()}
          anchor={button.current}
          start={opened}
          onClose={close}
        />
      )}
    </>
  );
}

interface IMenuProps {
  label: string;
  parts: IMenuPart[];
  anchor: HTMLElement | null;
  start: 'first' | 'last';
  onClose: (refocus: boolean) => void;
}

function Menu({ label, parts, anchor, start, onClose }: IMenuProps): JSX.Element {
  const menu = React.useRef<HTMLDivElement>(null);
  const typed = React.useRef({ text: '', at: 0 });

  const entries = (): HTMLElement[] =>
    Array.from(
      menu.current?.querySelectorAll<HTMLElement>(
        '[role^="menuitem"]:not([aria-disabled="true"])'
      ) ?? []
    );

  React.useLayoutEffect(() => {
    if (menu.current && anchor) {
      place(menu.current, anchor);
    }
    const stood = anchor?.getBoundingClientRect();
    const all = entries();
    all[start === 'last' ? all.length - 1 : 0]?.focus();
    const outside = (event: Event): void => {
      // Inside of a shadow root the target that others see is its host.
      const path = event.composedPath();
      if (!path.some(one => one === menu.current || one === anchor)) {
        onClose(false);
      }
    };
    const resized = (): void => onClose(false);
    // A log that follows its end scrolls beside us all the time: only where the button goes, the menu goes.
    const scrolled = (): void => {
      const stands = anchor?.getBoundingClientRect();
      if (stands?.left !== stood?.left || stands?.top !== stood?.top) {
        onClose(false);
      }
    };
    document.addEventListener('pointerdown', outside, true);
    window.addEventListener('resize', resized);
    document.addEventListener('scroll', scrolled, true);
    return () => {
      document.removeEventListener('pointerdown', outside, true);
      window.removeEventListener('resize', resized);
      document.removeEventListener('scroll', scrolled, true);
    };
    // Placed and focused once, when it opens.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const onKeyDown = (event: React.KeyboardEvent): void => {
    // No key of the menu reaches Lab's shortcuts or the card behind it.
    event.stopPropagation();
    const all = entries();
    const root = menu.current?.getRootNode() as Document | ShadowRoot | undefined;
    const at = all.indexOf(root?.activeElement as HTMLElement);
    const go = (index: number): void => {
      event.preventDefault();
      all[(index + all.length) % all.length]?.focus();
    };
    switch (event.key) {
      case 'ArrowDown':
        return go(at + 1);
      case 'ArrowUp':
        return go(at < 0 ? -1 : at - 1);
      case 'Home':
        return go(0);
      case 'End':
        return go(-1);
      case 'Escape':
        event.preventDefault();
        return onClose(true);
      case 'Tab':
        return onClose(true);
    }
    if (
      event.key.length === 1 &&
      event.key !== ' ' &&
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey
    ) {
      const now = Date.now();
      typed.current = {
        text: (now - typed.current.at < 700 ? typed.current.text : '') + event.key.toLowerCase(),
        at: now
      };
      const { text } = typed.current;
      const from = text.length > 1 ? at : at + 1;
      const found = [...all.slice(from), ...all.slice(0, from)].find(item =>
        (item.textContent ?? '').trim().toLowerCase().startsWith(text)
      );
      found?.focus();
    }
  };

  return createPortal(
    <div
      ref={menu}
      className="dsk-Menu"
      role="menu"
      aria-label={label}
      onKeyDown={onKeyDown}
      onPointerDown={event => event.stopPropagation()}
      onClick={event => event.stopPropagation()}
    >
      {parts
        .filter(part => part.items.length > 0)
        .map(part => (
          <div key={part.id} className="dsk-Menu-part" role="group" aria-label={part.title}>
            {part.title && (
              <div className="dsk-Menu-title" aria-hidden="true">
                {part.title}
              </div>
            )}
            {part.items.map(item => (
              <button
                key={item.id}
                type="button"
                className="dsk-Menu-item"
                role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
                aria-checked={item.checked}
                aria-disabled={item.disabled ? true : undefined}
                tabIndex={-1}
                onClick={() => {
                  if (!item.disabled) {
                    onClose(true);
                    item.onSelect();
                  }
                }}
              >
                {item.checked !== undefined && (
                  <span className="dsk-Menu-check">{item.checked && <Sign name="dot" />}</span>
                )}
                <span className="dsk-Menu-label">{item.label}</span>
                {item.detail && <span className="dsk-Menu-detail">{item.detail}</span>}
              </button>
            ))}
          </div>
        ))}
    </div>,
    // Where the page has no theme of JupyterLab's, the colours are those of the widget around it.
    anchor?.closest('.dsk-mod-alone') ?? document.body
  );
}

/** Below its button, or above it where there is more room; never outside of the window. */
function place(menu: HTMLElement, anchor: HTMLElement): void {
  const at = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const edge = 4;
  const below = window.innerHeight - at.bottom - edge;
  const above = at.top - edge;
  const up = size.height > below && above > below;
  const left = Math.max(
    edge,
    Math.min(at.right - size.width, window.innerWidth - size.width - edge)
  );
  menu.style.left = `${left}px`;
  menu.style.maxHeight = `${Math.max(120, up ? above : below)}px`;
  menu.style.top = up
    ? `${Math.max(edge, at.top - Math.min(size.height, above))}px`
    : `${at.bottom}px`;
}
