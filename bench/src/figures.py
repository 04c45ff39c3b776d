"""Figures beside their goals, as a table for people and as one JSON object for scripts."""
import json


class Figures:
    """Goals are upper limits. Only figures that repeat (`decides`) decide whether a benchmark passes; wall and CPU
    time are shown beside their goals. A figure that could not be taken counts as missed."""

    def __init__(self):
        self.rows = []

    def add(self, key, what, value, unit, limit=None, decides=False, note=''):
        met = None if limit is None else value is not None and value <= limit
        self.rows.append({'key': key, 'what': what, 'value': value, 'unit': unit, 'limit': limit,
                          'decides': decides and limit is not None, 'met': met, 'note': note})

    def passed(self):
        deciding = [row for row in self.rows if row['decides']]
        return bool(deciding) and all(row['met'] for row in deciding)

    def as_dict(self):
        return {
            'figures': {row['key']: row['value'] for row in self.rows},
            'goals': {row['key']: {'at_most': row['limit'], 'unit': row['unit'], 'met': row['met'],
                                   'decides': row['decides']}
                      for row in self.rows if row['limit'] is not None},
            'notes': {row['key']: row['note'] for row in self.rows if row['note']},
            'pass': self.passed(),
        }

    def table(self):
        head = ('figure', 'measured', 'goal', '')
        lines = [head]
        for row in self.rows:
            goal = '' if row['limit'] is None else f'≤ {number(row["limit"])}'
            verdict = {None: '', True: 'met', False: 'MISSED'}[row['met']]
            if row['met'] is not None and not row['decides']:
                verdict += ' (does not decide)'
            if row['note']:
                verdict = (verdict + '  ' + row['note']).strip()
            measured = number(row['value']) if row['value'] is None else f'{number(row["value"])} {row["unit"]}'
            lines.append((row['what'], measured.strip(), goal, verdict))
        return render(lines)


def number(value):
    if value is None:
        return 'not taken'
    if isinstance(value, float) and abs(value) < 100:
        return f'{value:.2f}'
    return f'{value:,.0f}'


def render(lines):
    """Columns: the first to the left, figures to the right, the last to the left."""
    widths = [max(len(str(line[i])) for line in lines) for i in range(len(lines[0]))]
    text = []
    for index, line in enumerate(lines):
        cells = [str(cell).ljust(width) if i == 0 or i == len(line) - 1 else str(cell).rjust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        text.append('  '.join(cells).rstrip())
        if index == 0:
            text.append('  '.join('-' * width for width in widths).rstrip())
    return '\n'.join(text)


def dump(data):
    print(json.dumps(data, indent=2, ensure_ascii=False))
