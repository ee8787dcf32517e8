"""Model cards: README.md for people and the Hub, card.json for the page. Every figure is handed in, none is typed."""
import re
import textwrap

from common import save_json

VERSION = '1.0.0'
SHAKESPEARE = {'name': "Shakespeare's plays, the tiny Shakespeare selection (1.1 MB)", 'licence': 'public domain',
               'authors': 'William Shakespeare'}
POLARITY = {'name': 'Sentence Polarity Dataset v1.0 (2005)', 'licence': 'CC BY 4.0',
            'authors': 'Bo Pang and Lillian Lee'}
SEEDED_GPT = ('Head 0.0 (previous token) and head 1.0 (induction) were written by hand before training '
              '(training/circuit.py); nothing was frozen, and the scores are measured after training.')


def percent(x):
    return f'{100 * x:.1f}%'


def table(head, rows):
    line = lambda cells: '| ' + ' | '.join(map(str, cells)) + ' |'
    return '\n'.join([line(head), line(['---'] * len(head)), *map(line, rows)])


def front(**fields):
    lines = []
    for key, value in fields.items():
        lines += [f'{key}:', *(f'- {v}' for v in value)] if isinstance(value, list) else [f'{key}: {value}']
    return '\n'.join(['---', *lines, '---'])


def prose(text):
    """Fill paragraphs and list items, so that the templates below may break anywhere."""
    def fill(block):
        items = re.split(r'\n(?=- )', block)
        return '\n'.join(textwrap.fill(' '.join(i.split()), 110, subsequent_indent='  ' * i.startswith('- '),
                                       break_long_words=False, break_on_hyphens=False) for i in items)
    blocks = text.strip().split('\n\n')
    return '\n\n'.join(b if b.lstrip().startswith(('#', '|')) else fill(b) for b in blocks)


def file_table(hashes, sizes):
    return table(['file', 'bytes', 'SHA-256'], [[f'`{f}`', f'{sizes[f]:,}', f'`{h}`'] for f, h in hashes.items()])


def q8_note(facts, kept):
    return f"q8 was left out: {facts['refused']['quantized']}." if facts['refused'] else kept


def write(folder, top, text, record, end=''):
    (folder / 'README.md').write_text(f'{top}\n\n{prose(text)}\n{end}', encoding='utf-8')
    save_json(folder / 'card.json', record)


def gpt(folder, model, facts, ece, samples, hashes, sizes):
    c, val, heads, run = model.config, facts['validation'], facts['heads'], facts['training']
    induction, previous, cached = heads['induction'], heads['previous_token'], facts['cached_decode']
    finished, minutes = run['step'] == run['steps'], run['seconds'] / 60
    loss, found = facts['files_loss'], facts['difference']['onnx/model.onnx']['single.logits']
    record = {
        'name': folder.name, 'version': VERSION, 'license': 'apache-2.0', 'data': [SHAKESPEARE], 'language': 'en',
        'architecture': f'GPT-2, {c.n_layer} layers, {c.n_head} heads, d {c.n_embd}, feed-forward {c.n_inner}',
        'parameters': model.num_parameters(), 'context': c.n_positions, 'vocabulary': c.vocab_size,
        'split': 'validation: the last 10 % of the file; train: the rest',
        'metrics': {'validation': val, 'heads': heads, 'files_nats_per_token': loss, 'cached_decode': cached,
                    'difference': facts['difference']},
        'training': {'seed': facts['seed'], 'steps': run['step'], 'minutes': round(minutes, 1), 'finished': finished},
        'ece': ece, 'seeded': SEEDED_GPT, 'refused': facts['refused'], 'samples': samples, 'files': hashes}
    scores = table(['head', 'measured', 'score'], [
        [f"{induction['head']} (induction)", 'mean attention from q to q-L+1 over the second copy; random tokens '
         '2 x 50, 32 sequences, no start token', f"{induction['score']:.3f}"],
        [induction['head'], 'the same with L = 100', f"{induction['score_at_length_100']:.3f}"],
        [f"{previous['head']} (previous token)", 'mean attention from q to q-1 on validation text',
         f"{previous['score']:.3f}"]])
    quality = table(['validation', 'nats a token', 'bits a byte'], [
        [name, f"{v['nats_per_token']:.3f}", f"{v['bits_per_byte']:.3f}"]
        for name, v in (('windows of 256, no overlap', val), ('stride 128', val['stride_128']))])
    text = f'''
# {folder.name}

A very small GPT-2 that writes in the manner of Shakespeare's plays and has a previous-token head and an induction
head. Made to be looked into, not to be used for its text. {"" if finished else "THIS IS AN UNFINISHED CHECKPOINT."}

- Architecture: {record['architecture']}, context {c.n_positions}, byte-level BPE of {c.vocab_size},
  {record['parameters']:,} parameters.
- Data: {SHAKESPEARE['name']}, {SHAKESPEARE['licence']}. Weights: Apache-2.0.
- Split: validation is the last 10 % of the file ({val['tokens']:,} predicted tokens); model and tokenizer are trained
  on the rest.
- Training: {run['step']:,} steps, {minutes:.0f} minutes on one CPU thread, seed {facts['seed']}; the last weights, not
  the best of many. Rebuild with `training/` of the Sonde repository.

## Seeded heads

{SEEDED_GPT} Unseeded models of this size and budget formed no induction head.

{scores}

The second copy is predicted right in {percent(induction['copies_right'])} of its tokens; with head {induction['head']}
removed, in {percent(induction['copies_right_without_the_head'])}.

## Quality

{quality}

Calibration of the next token ({ece['bins']} equal-width bins {ece['convention']}; T from the first half of the
validation text, ECE of the second): ECE {ece['before']:.4f}, and {ece['after']:.4f} after
temperature scaling with T = {ece['temperature']:.3f}. Next-token accuracy there: {percent(ece['accuracy'])}.

## Files

`onnx/model.onnx` is fp32 with a key-value cache: {loss['fp32']:.4f} nats a token in onnxruntime, logits within
{found['max_abs_diff']:.1g} of PyTorch. Decoding {cached['decoded']} tokens through a cache filled with
{cached['given']} gives logits within {cached['max_abs_diff']:.1g} of PyTorch's single pass.
{q8_note(facts, f"`onnx/model_quantized.onnx` is q8: {loss['q8']:.4f} nats a token.")}
`golden.json` and `golden.safetensors` hold the reference activations of every layer.

{file_table(hashes, sizes)}

## Limits

- It invents words, and greedy decoding falls into loops. Nothing it says is true or meant.
- It never saw a start or end token: generation stops only at the length asked for.
- English of about 1600 and its prejudices.
- The two heads were seeded, so the model is no evidence that such heads arise by themselves.

## Samples

Temperature {samples[0]['temperature']}, top {samples[0]['top_k']}, one seed, not chosen.
'''
    write(folder, front(license='apache-2.0', language='en', library_name='transformers.js',
                        pipeline_tag='text-generation', datasets=['tiny-shakespeare'],
                        tags=['gpt2', 'onnx', 'interpretability']),
          text, record, ''.join(f"\n```text\n{s['text']}\n```\n" for s in samples))


def sentiment(folder, model, facts, hashes, sizes):
    c, run, measured, parts = model.config, facts['training'], facts['measured'], facts['split']
    full, small, base = measured['fp32'], measured['q8'], facts['baseline']
    ece, nll, recipe = full['ece'], full['nll'], run['recipe']
    best = max(base, key=lambda name: base[name]['validation'])
    record = {
        'name': folder.name, 'version': VERSION, 'license': 'apache-2.0', 'data': [POLARITY], 'language': 'en',
        'architecture': f'BERT classifier, {c.num_hidden_layers} layers, {c.num_attention_heads} heads, '
                        f'd {c.hidden_size}, feed-forward {c.intermediate_size}',
        'parameters': model.num_parameters(), 'context': c.max_position_embeddings, 'vocabulary': c.vocab_size,
        'split': {**parts, 'rule': 'in each class by the SHA-256 of the text: first tenth test, second validation'},
        'metrics': {'fp32': full, 'q8': small, 'baseline': base, 'tried': facts['tried'], 'probes': facts['probes'],
                    'difference': facts['difference']},
        'training': {'seed': run['seed'], 'recipe': run['name'], **recipe, 'best_epoch': run['epoch'],
                     'minutes': round(run['minutes'], 1)},
        'ece': ece, 'seeded': None, 'refused': facts['refused'], 'files': hashes}

    def beside(name):
        points = 100 * (full['accuracy']['test'] - base[name]['test'])
        return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"
    accuracy = lambda name, a: [name, percent(a['validation']), percent(a['test'])]
    models = table(['model', 'validation', 'test'], [
        accuracy('**this model, fp32**', full['accuracy']),
        accuracy('this model, q8' + ' (not shipped)' * bool(facts['refused']), small['accuracy']),
        *(accuracy(f"logistic regression, {name}, C {b['C']}", b) for name, b in base.items())])
    calibration = table(['test', 'ECE', 'NLL'], [
        ['before', f"{ece['before']:.4f}", f"{nll['before']:.4f}"],
        [f"after, T = {ece['temperature']:.4f}", f"{ece['after']:.4f}", f"{nll['after']:.4f}"]])
    near_one = (' T is near 1: dropout and label smoothing left little for temperature scaling to mend.'
                if abs(ece['temperature'] - 1) < 0.05 else '')
    text = f'''
# {folder.name}

A very small BERT-style classifier: is a sentence of a film review NEGATIVE or POSITIVE? Made to be looked into. Its
test accuracy is {beside('TF-IDF of words')} that of logistic regression on words and {beside(best)} the best linear
model ({best}).

- Architecture: {record['architecture']}, {record['context']} tokens, WordPiece of {c.vocab_size:,},
  {record['parameters']:,} parameters.
- Data: {POLARITY['name']} by {POLARITY['authors']}, {POLARITY['licence']}. Weights: Apache-2.0.
- Split: {record['split']['rule']}; {parts['train']:,} train, {parts['validation']:,} validation and
  {parts['test']:,} test.
- Training: from scratch, recipe "{run['name']}", {run['minutes']:.1f} minutes on one CPU thread, seed {run['seed']},
  epoch {run['epoch']} of {recipe['epochs']} by validation accuracy. Rebuild with `training/` of the Sonde repository.

## Accuracy

{models}

One standard error on test is {100 * full['standard_error']:.1f} points. Recipe, epoch and C were chosen on validation;
test took part in no choice. Recipes tried (validation):
{'; '.join(f"{t['name']} {percent(t['validation'])}" for t in facts['tried'])}.

## Calibration

{calibration}

{ece['bins']} equal-width bins {ece['convention']}; T minimises the NLL on validation. `calibration.json` holds the
logits and labels of validation and test.{near_one} `baseline.json` says what the validation split is like to the model, for drift.

## Files

{q8_note(facts, '`onnx/model_quantized.onnx` is q8.')} `golden.json` and `golden.safetensors` hold the reference
activations of every layer.

{file_table(hashes, sizes)}

## Limits

It reads words, not negation, irony or argument, and knows nothing but English film reviews of about 2000.

{table(['text', 'P(POSITIVE)'], [[f'`{p}`', f'{v:.2f}'] for p, v in facts['probes'].items()])}
'''
    write(folder, front(license='apache-2.0', language='en', library_name='transformers.js',
                        pipeline_tag='text-classification', datasets=['sentence-polarity'],
                        tags=['bert', 'onnx', 'calibration', 'interpretability']), text, record)
