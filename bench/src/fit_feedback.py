#!/usr/bin/env python3
"""Fits the weights of implicit feedback (config/feedback/weights.txt) on the open pairs and prints that file.

Logistic regression with an L2 penalty, each weight held to the sign that its feature's meaning gives it, so that chance
in a few hundred pairs cannot make thanks a complaint. The penalty is the one with the best log loss when each language
is left out in turn; those held-out probabilities are also what the calibration is fitted on. Closed pairs are never read.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# +1: speaks for dissatisfaction only; -1: against it only; others may do either.
SIGNS = {name: 1 for name in ('near', 'identical', 'edit', 'opening_no', 'wrong', 'again', 'unhelpful', 'frustration',
                              'profanity', 'human', 'caps', 'marks', 'upset', 'answer_negated', 'answer_echo',
                              'answer_opens', 'answer_clueless', 'tool_retry', 'your_answer', 'same_entities')}
SIGNS |= {name: -1 for name in ('satisfied', 'happy', 'business_anger', 'template', 'follow', 'topic', 'adjust', 'late',
                                'answer_asked', 'answer_specific', 'new_entities', 'business', 'they')}
# Not learned: what no pair shows, or what stands for a rule.
FIXED = {'tool_retry': 3.0, 'business_anger': -3.0}


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def fit(rows, names, penalty, base_rate, steps=700):
    """Accelerated proximal gradient: rows are (sparse features, label)."""
    positive = sum(y for _, y in rows)
    # Weight of the others, so that `base_rate` of the mix are dissatisfied; of these 1.
    other = positive * (1 - base_rate) / base_rate / (len(rows) - positive)
    total = positive / base_rate
    index = {n: i for i, n in enumerate(names)}
    sparse = [([(index[n], v) for n, v in x.items()], y) for x, y in rows]
    fixed = {index[n]: w for n, w in FIXED.items()}
    signs = [SIGNS.get(n, 0) for n in names]
    bias = index['bias']
    weights = [fixed.get(i, 0.0) for i in range(len(names))]
    ahead = weights
    rate = 4.0 / (sum(sum(v * v for _, v in x) for x, _ in sparse) / len(sparse))
    for step in range(steps):
        gradient = [0.0] * len(names)
        for x, y in sparse:
            error = (sigmoid(sum(ahead[i] * v for i, v in x)) - y) * (1 if y else other)
            for i, v in x:
                gradient[i] += error * v
        old = weights
        weights = []
        for i, g in enumerate(gradient):
            w = ahead[i] - rate * g / total
            w = w if i == bias else w / (1 + rate * penalty)
            w = max(0.0, w) if signs[i] > 0 else min(0.0, w) if signs[i] < 0 else w
            weights.append(fixed.get(i, w))
        momentum = step / (step + 3)
        ahead = [w + momentum * (w - o) for w, o in zip(weights, old)]
    return dict(zip(names, weights))


def score(weights, x):
    return sum(weights.get(n, 0.0) * v for n, v in x.items())


def loss(p, y):
    return -math.log(max(1e-9, p if y else 1 - p))


def held_out(rows, names, penalty, base_rate):
    scores = []
    for language in sorted({r['language'] for r in rows}):
        train = [(r['x'], r['y']) for r in rows if r['language'] != language]
        weights = fit(train, names, penalty, base_rate)
        scores += [(score(weights, r['x']), r) for r in rows if r['language'] == language]
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--pairs', type=pathlib.Path, required=True)
    parser.add_argument('--program', type=pathlib.Path, default=ROOT / 'build/release/triage_bench_feedback')
    parser.add_argument('--base-rate', type=float, default=.3, help='share of dissatisfied turns in the mix to fit for')
    parser.add_argument('--misses', action='store_true', help='the pairs that are wrong when held out, to standard error')
    options = parser.parse_args()
    pairs = [json.loads(line) for line in open(options.pairs, encoding='utf-8')]
    pairs = [p for p in pairs if p.get('part', 'open') == 'open']
    output = subprocess.run([options.program, '--pairs', options.pairs], check=True, stdout=subprocess.PIPE).stdout
    said = {row['id']: row for row in map(json.loads, output.splitlines()) if 'id' in row}
    rows = []
    for pair in pairs:
        found = said[pair['id']]['full']
        if found['signal'] in ('duplicate_send', 'business_anger'):
            continue  # rules, not weights
        rows.append({'x': found['features'], 'y': pair['label'] == 'dissatisfied', 'language': pair['language'],
                     'pair': pair})
    names = sorted({n for r in rows for n in r['x']} | set(FIXED))
    best = None
    for penalty in (.001, .002, .004, .008):
        scores = held_out(rows, names, penalty, options.base_rate)
        mean = sum(loss(sigmoid(s), r['y']) for s, r in scores) / len(scores)
        act = [r['y'] for s, r in scores if sigmoid(s) >= .65]
        recall = sum(act) / sum(r['y'] for _, r in scores)
        print(f'# penalty {penalty}: log loss {mean:.3f}, held out at .65: precision {sum(act) / max(1, len(act)):.3f}, '
              f'recall {recall:.3f}', file=sys.stderr)
        if best is None or mean < best[0]:
            best = (mean, penalty, scores)
    _, penalty, scores = best
    if options.misses:
        for s, r in sorted(scores, key=lambda each: each[0]):
            p = sigmoid(s)
            if (p >= .65) != r['y'] and not (.5 < p and r['y']):
                pair = r['pair']
                print(f'{p:.2f} {pair["language"]} {pair["signal"]} | {pair["previous"][:70]} | {pair["answer"][:50]} |>> '
                      f'{pair["turn"][:120]} {sorted(r["x"])}', file=sys.stderr)
    weights = fit([(r['x'], r['y']) for r in rows], names, penalty, options.base_rate, 3000)
    print('# FEATURE WEIGHT: log odds that the user is not satisfied with the answer.')
    print(f'# Fitted by bench/src/fit_feedback.py on the {len(rows)} open pairs of bench/data/turn_pairs.jsonl')
    print(f'# (penalty {penalty}, chosen by leaving each language out); tool_retry and business_anger are set by hand.')
    for name in sorted(names, key=lambda n: (n != 'bias', -weights[n])):
        if abs(weights[name]) >= .005:
            print(f'{name} {weights[name]:.2f}')


if __name__ == '__main__':
    sys.exit(main())
