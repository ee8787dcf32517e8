import type { Message } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { JsonObject } from './config.ts';
import type { ModelFolder } from './load.ts';

const specialTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
];

/**
 * A conversation as the text the model was trained on, up to where its answer begins. The engine for templates is
 * fetched when the first conversation comes.
 * @throws SondeError `wrong_task` where the model has no chat template, `invalid_argument` where the template
 * refuses the conversation
 */
export async function renderChat(folder: ModelFolder, messages: readonly Message[]): Promise<string> {
  const config = folder.tokenizer?.config ?? {};
  const source = templateOf(config) ?? (await templateFile(folder));
  if (source === undefined) {
    throw new SondeError(
      'wrong_task',
      `${folder.source.id} has no chat template.`,
      'Pass the prompt as one text, or load a model that was tuned for conversations.',
    );
  }
  const { Template } = await import('@huggingface/jinja');
  const specials = specialTokens.flatMap((name) => {
    const text = textOf(config[name]);
    return text === undefined ? [] : [[name, text] as const];
  });
  try {
    return new Template(source).render({
      ...Object.fromEntries(specials),
      messages,
      add_generation_prompt: true,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SondeError(
      'invalid_argument',
      `The chat template of ${folder.source.id} refuses this conversation (${why}).`,
      'Check roles and their order.',
      { cause },
    );
  }
}

/** One template, or several by name, of which the default is taken. */
function templateOf({ chat_template: template }: JsonObject): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const chosen = named.find(({ name }) => name === 'default') ?? named[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
}

/** Where newer exports keep it. */
async function templateFile({ source }: ModelFolder): Promise<string | undefined> {
  const file = await source.read('chat_template.jinja', {});
  return file === undefined ? undefined : new TextDecoder().decode(file);
}

/** `<s>`, or an AddedToken. */
function textOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = typeof token === 'object' && token !== null ? (token as JsonObject).content : undefined;
  return typeof content === 'string' ? content : undefined;
}
