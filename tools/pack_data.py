#!/usr/bin/env python3
"""Makes the shipped data/ from the full outcome files: pack_data.py SOURCE_DIR OUT_DIR.

SOURCE_DIR holds outcomes.jsonl.gz, answers.jsonl.gz and prices.json. What may not be shipped
(bfcl_*: its results state no licence) is left out; answers are cut to the demo's questions
(fold 0) and models. The output is the same bytes on every run.
"""
import gzip
import hashlib
import json
import pathlib
import re
import shutil
import sys

DEMO_MODELS = ('llama-3.1-8b', 'llama-3.1-70b', 'gpt-4o', 'gpt-4o-mini')


def core(prompt: str) -> str:
    """The question without wrapper and options: its first 160 letters and digits."""
    text = re.split(r'\n\(?A[.)] ', prompt)[0]
    if '[PYTHON]' in text:
        text = text.split('[PYTHON]', 1)[1]
    return re.sub(r'[^a-z0-9]+', '', text.lower())[:160]


def fold(prompt: str, folds: int = 5) -> int:
    """0 .. folds-1; fold 0 is the demo's and is never trained on."""
    return int(hashlib.sha256(('fold' + core(prompt)).encode()).hexdigest()[:8], 16) % folds


def write(path: pathlib.Path, lines: list[bytes]) -> None:
    with open(path, 'wb') as raw:
        with gzip.GzipFile(filename='', fileobj=raw, mode='wb', compresslevel=9, mtime=0) as out:
            out.writelines(lines)
    print(f'{path}: {len(lines)} rows, {path.stat().st_size} bytes')


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    with gzip.open(source / 'outcomes.jsonl.gz', 'rb') as file:
        rows = [(line, json.loads(line)) for line in file if line.strip()]
    kept = [(line, row) for line, row in rows if not row['dataset'].startswith('bfcl_')]
    write(target / 'outcomes.jsonl.gz', [line for line, _ in kept])

    demo = {row['id'] for _, row in kept if fold(row['prompt']) == 0}
    answers = []
    with gzip.open(source / 'answers.jsonl.gz', 'rt', encoding='utf-8') as file:
        for line in file:
            row = json.loads(line)
            if row['id'] in demo:
                texts = {name: row['answers'][name] for name in DEMO_MODELS if name in row['answers']}
                answers.append((json.dumps({'id': row['id'], 'answers': texts}, ensure_ascii=False,
                                           separators=(',', ':')) + '\n').encode())
    write(target / 'demo_answers.jsonl.gz', answers)
    shutil.copyfile(source / 'prices.json', target / 'prices.json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
