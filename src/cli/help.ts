const model = `  MODEL is a folder in the Hugging Face layout, one .onnx file, or a hub id: org/name or org/name@revision.

  --dtype D        fp32, fp16, q8 (model_quantized, model_int8, model_uint8), q4 (model_q4, model_bnb4) or q4f16;
                   default: the first of these that the model has
  --hub URL        base address of the hub; default: HF_ENDPOINT, else https://huggingface.co
  --cache FOLDER   where downloads are kept; default: SONDE_CACHE, else ~/.cache/sonde
`;

/** What `sonde COMMAND --help` prints below the usage. */
export const inspectHelp = `${model}  --json           the same as JSON (format 1, docs/command-line.md)

Nothing runs: architecture, sizes, and every hook with the tensor it is, how it is derived, or why it cannot be had.
`;

export const captureHelp = `${model}
  --text TEXT            tokenized by the model's tokenizer.json
  --tokens 1,2,3         token ids as they are
  --inputs FILE          a safetensors file of tensors by the model's input names (pixel_values, input_features …)
  --batch FILE           one JSON object a line: {"id"?, "text" | "tokens", "decoder_tokens"?}
  --decoder-tokens 1,2   what the decoder of an encoder-decoder reads; default: its start token
  --capture PATTERN      hooks, e.g. 'blocks.*.attn.hook_pattern', or raw:<tensor>; may be given more than once
  --out FILE             the safetensors file; with --batch a folder, one <id>.safetensors for each line
  --device wasm|webgpu   wasm (default) runs in this process, webgpu in a headless Chromium
`;

export const instrumentHelp = `  --capture PATTERN   hooks that become outputs under their names; may be given more than once
  --plan FILE         JSON: {"taps": [hook or pattern, …],
                             "edits": [{"kind": "replace|add|scale", "hook": …, "input": name}, …],
                             "constants": {name: {"dims": […], "data": […]}, …}}
                      An edit reads the run-time input that it names, or the constant of that name.

The written file runs in any onnxruntime. Weights inside of the file are copied with it; weights beside it stay where
they are, so the written file has to lie in the same folder.
`;

export const verifyHelp = `${model}  --self                 without goldens: every hook of every dtype is held against identities that must hold
  --device wasm|webgpu   where the hooks are captured that are compared with goldens

Exit status 1 if anything differs.
`;

export const probeHelp = `${model}
  --out FILE       beside the model: probe.safetensors, of another dtype probe.<dtype>.safetensors

A short forward on WASM with every hook tapped. Where this file lies beside a model, a page that loads it compares its
device with it; without it, the page runs the model on WASM once to have a reference.
`;

export const baselineHelp = `${model}
  --texts FILE     texts like those that users will send, one a line, or of several lines as a JSON string: at least
                   three windows of them; given several times, they are the parts of a --period, in order
  --period day|week
                   in UTC, a week from Thursday on: each part of it has its own baseline
  --smoothing W    in (0, 1]: weight of the newest window beside those before it; default 1
  --out FILE       the baseline, JSON
  --window N       requests that a window has; default 200
  --max-new-tokens N
                   that a model which generates makes of each, greedily; default 32
  --embedding HOOK of a classifier, such as blocks.1.hook_resid_post: the file also holds a sketch of it for each text,
                   16 numbers, and a page taps it in every classification
  --template-version V
                   of the prompts: requests that name another one, or none, are told of
`;

export const signalsHelp = `  --json   the same as JSON, with what each signal means
`;

export const replayHelp = `REQUEST.json is what the playground saves, or saveClassification and saveGeneration. It holds the input.

  --model MODEL    the model; default: what the request names, a folder here or a hub id
  --dtype D        the file to run; default: the one that answered
  --hub, --cache   as for every model
  --json           findings as JSON

Runs on WASM in this process. The keyed digest of the input can only be made again by the browser that made it; here
it is \`not checkable here\`. Exit status 1 if model, plan or outputs differ.
`;
