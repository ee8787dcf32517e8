import { PreTrainedTokenizer } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { renderChat } from '../../../src/load/chat.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { loadFolder, type ModelFolder } from '../../../src/load/load.ts';

/** As Qwen, Llama 2 and Gemma write them, shortened. */
const templates = {
  chatml:
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  llama:
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set messages = messages[1:] %}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + (system ~ '\n' if loop.index0 == 0 and system is defined else '') + message['content'].strip() + ' [/INST]' }}{% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
};

const conversation = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: ' Who was Romeo? ' },
  { role: 'assistant', content: 'A Montague.' },
  { role: 'user', content: 'And Juliet?' },
];

async function withTemplate(chatTemplate: unknown): Promise<ModelFolder> {
  const folder = await loadFolder(folderSource('public/models/shakespeare-gpt'), {});
  if (folder.tokenizer === undefined) throw new Error('The model has a tokenizer.');
  const config = { ...folder.tokenizer.config, chat_template: chatTemplate };
  return { ...folder, tokenizer: { ...folder.tokenizer, config } };
}

describe('a conversation', () => {
  it.each(Object.entries(templates))(
    'by a template like %s is the text that transformers.js makes',
    async (_, template) => {
      const folder = await withTemplate(template);
      const tokenizer = new PreTrainedTokenizer(
        folder.tokenizer?.model ?? {},
        folder.tokenizer?.config ?? {},
      );
      const expected = tokenizer.apply_chat_template(conversation, {
        tokenize: false,
        add_generation_prompt: true,
      });
      expect(await renderChat(folder, conversation)).toBe(expected);
    },
  );

  it('takes the default one of several templates', async () => {
    const folder = await withTemplate([
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: '{{ messages|length }} turns' },
    ]);
    expect(await renderChat(folder, conversation)).toBe('4 turns');
  });

  it('that the template refuses is invalid_argument, and one without a template is wrong_task', async () => {
    const twice = [conversation[1], conversation[1]].flatMap((turn) => turn ?? []);
    await expect(renderChat(await withTemplate(templates.llama), twice)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('roles must alternate'),
    });
    await expect(renderChat(await withTemplate(undefined), conversation)).rejects.toMatchObject({
      code: 'wrong_task',
    });
  });
});
