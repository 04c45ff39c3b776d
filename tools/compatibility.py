#!/usr/bin/env python3
"""Makes docs/compatibility.md of the outcomes that tests/clients/test_compatibility.py left in build/.

tools/compatibility.py           prints the table of the last run
tools/compatibility.py --update  writes it into docs/compatibility.md
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULT = ROOT / 'build' / 'compatibility.json'
PAGE = ROOT / 'docs' / 'compatibility.md'
SIGNS = {'pass': 'pass', 'not expressible': 'n/e', 'fail': '**fail**'}

sys.path.insert(0, str(ROOT / 'tests' / 'clients' / 'matrix'))
import layout  # the names of clients, dialects and features


def load():
    """(client, provider, feature) → outcome of the last run."""
    return {(cell['client'], cell['provider'], cell['feature']): cell['outcome']
            for cell in json.loads(RESULT.read_text())}


def table(outcomes):
    """Markdown, a line for each client and provider dialect."""
    rows = [('client', 'in', 'out', *layout.FEATURES)]
    for client, dialect in layout.CLIENTS.items():
        for provider in layout.PROVIDERS:
            signs = [SIGNS[outcomes.get((client, provider, feature), 'fail')]
                     if feature not in layout.NOT_OFFERED.get(client, ()) else '' for feature in layout.FEATURES]
            rows.append((client, dialect, provider, *signs))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |' for row in rows]
    lines.insert(1, '| ' + ' | '.join('-' * width for width in widths) + ' |')
    return '\n'.join(lines)


def page(outcomes):
    """The text of docs/compatibility.md."""
    reasons = [f'- {feature} from `{source}` to `{target}`: {why}'
               for (source, target, feature), why in sorted(layout.NOT_EXPRESSIBLE.items())]
    versions = [f'- {line}' for line in layout.versions()]
    return '\n'.join([
        '# Which clients reach which providers', '',
        'Made by `tools/compatibility.py --update` of a run of `./test`, which drives the gateway with these clients in',
        'front of `triage simulate` in each provider dialect. `n/e`: not expressible in the provider dialect, so the',
        'gateway refuses it before it calls. Empty: nothing that the client has a call for. Images are sent as bytes;',
        '"errors" are 400, 429 with Retry-After, 500, an error event in a stream and a stream that breaks off;',
        '"disconnect" is a client that leaves in the middle of a stream and while it waits.', '',
        table(outcomes), '',
        *(['## Not expressible', *reasons, ''] if reasons else []),
        '## What was run', *versions, ''])


def main():
    outcomes = load()
    print(table(outcomes))
    failed = sorted(key for key, outcome in outcomes.items() if outcome == 'fail')
    if '--update' in sys.argv:
        if failed:
            print(f'not written: {len(failed)} cells fail', file=sys.stderr)
            return 1
        PAGE.write_text(page(outcomes))
    return 0


if __name__ == '__main__':
    sys.exit(main())
