import { render, screen } from '@testing-library/react';
import * as React from 'react';
import { Spend } from '../Spend';
import { cluster, trans } from './sample';

const app = 'application_1795256476310_0042';

function facts(more: Parameters<typeof cluster>[0]): void {
  render(<Spend cluster={cluster(more)} trans={trans} onCopy={jest.fn()} />);
}

describe('Spend', () => {
  it('links to the page of the application, and calls its units containers', () => {
    facts({ system: 'yarn', manager_page: { id: app, link: `http://rm:8088/cluster/app/${app}` } });
    expect(screen.getByRole('link', { name: new RegExp(`^${app}`) })).toHaveAttribute(
      'href',
      `http://rm:8088/cluster/app/${app}`
    );
    expect(screen.getAllByText('Each container')).not.toHaveLength(0);
    expect(screen.queryByText('Each job')).toBeNull();
  });

  it('says what gives it back without its keeper, what does not, and until when', () => {
    const at = new Date(2026, 10, 21, 14, 5).getTime() / 1000;
    facts({
      defences: [
        { name: 'guard', in_force: true, words: 'gives everything back', at: null },
        { name: 'lifetime', in_force: true, words: 'YARN ends it unless it is renewed', at },
        { name: 'wall', in_force: false, words: 'its queue has none', at: null }
      ]
    });
    expect(screen.getByText('Guard').nextSibling).toHaveTextContent(/^gives everything back$/);
    expect(screen.getByText('Lifetime').nextSibling).toHaveTextContent(/renewed, .*14:05$/);
    expect(screen.getByText('Wall').nextSibling).toHaveTextContent(
      'not in force: its queue has none'
    );
  });

  it('has neither for a job of a queue that tells none', () => {
    facts({});
    expect(screen.queryByText('Application')).toBeNull();
    expect(screen.queryByText('Given back without its keeper by')).toBeNull();
    expect(screen.getAllByText('Each job')).not.toHaveLength(0);
  });
});
