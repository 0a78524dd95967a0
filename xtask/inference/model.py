"""Writes a tiny language model whose weights are chance, as a GGUF file: `model.py FILE`.

The model knows nothing. It is there so that a real inference server can be held to what a test
asks of one: constrained decoding, streaming, token counts, answers that are cut off. What it
says is nonsense, steered only by how much it likes each character: quotation marks and closing
brackets most, so that strings and lists end, then letters; white space and raw bytes least.

The same bytes come out on every machine: the only source of chance is `random.Random(SEED)`,
whose `random()` is the same everywhere. Nothing but the standard library is needed.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import array
import os
import random
import string
import struct
import sys

SEED = 4
WIDTH = 384  # one dimension a token, and one that is the same for all of them
LAYERS = 1
HEADS, HEADS_KV, HEAD = 4, 1, 32
INNER = 128
CONTEXT = 65536
ALIGNMENT = 32

CONTROL = ["<unk>", "<s>", "</s>"]
PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
CALL = ["<tool_call>", "</tool_call>"]
TOKENS = (
    CONTROL
    + [f"<0x{byte:02X}>" for byte in range(256)]
    + [character.replace(" ", "\u2581") for character in PRINTABLE]
    + CALL
)
# Each token's kind: 2 the unknown one, 3 control, 6 a byte, 1 normal, 4 found in texts as a whole.
KINDS = [2, 3, 3] + [6] * 256 + [1] * len(PRINTABLE) + [4] * len(CALL)

# How a conversation is put to the model. The way of writing calls is the widespread one that the
# server knows how to read and to enforce. Where calls may be made the model's turn begins after a
# bar, and after a bar it likes to make one.
TEMPLATE = (
    "{%- if tools %}{{ 'tools:\\n' }}"
    "{%- for tool in tools %}{{ tool | tojson }}{{ '\\n' }}{% endfor %}"
    "{{ 'call them as <tool_call>{\"name\": <name>, \"arguments\": <arguments>}</tool_call>\\n' }}"
    "{%- endif %}"
    "{%- for message in messages %}{{ message.role + ':' + (message.content or '') }}"
    "{%- for call in message.tool_calls or [] %}"
    "<tool_call>{\"name\": \"{{ call.function.name }}\","
    " \"arguments\": {{ call.function.arguments | tojson }}}</tool_call>"
    "{%- endfor %}{{ '\\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}assistant{{ '|' if tools else ':' }}{% endif %}"
)

# Liked as much whatever came before, so that strings, objects and lists end, the sooner the
# likelier tokens are taken.
STEADY = ['"', "}", "]", ",", "</s>"] + CALL

# What it likes more after a character: to call where it may, to end a call, and to end texts that
# must be like `{{ this }}`, which it would else hardly ever do.
AFTER = [(CALL[0], "|", 16.0), (CALL[1], "}", 9.0), ("}", "}", 6.0), ('"', "}", 9.0)]


def liking(token):
    """How much the model likes to write a token: the part of its logit that is not chance."""
    if token == "</s>":
        return 2.5
    if token in CALL:
        return -2.0
    if token in CONTROL or len(token) > 1:
        return -12.0
    if token == '"':
        return 4.5
    if token in "]}":
        return 3.0
    if token == ",":
        return 2.0
    if token in string.ascii_lowercase:
        return 1.0
    if token in string.digits or token in "_{[:":
        return 0.5
    return -4.0


def u32(number):
    return struct.pack("<I", number)


def u64(number):
    return struct.pack("<Q", number)


def text(words):
    data = words.encode()
    return u64(len(data)) + data


def value(thing):
    """A metadata value with its type: a flag, a number, a text, or a list of one of them."""
    if isinstance(thing, bool):
        return u32(7) + struct.pack("<?", thing)
    if isinstance(thing, int):
        return u32(4) + u32(thing)
    if isinstance(thing, float):
        return u32(6) + struct.pack("<f", thing)
    if isinstance(thing, str):
        return u32(8) + text(thing)
    items = [value(item) for item in thing]
    kind = u32(5) if isinstance(thing[0], int) else items[0][:4]  # whole numbers in lists have a sign
    return u32(9) + kind + u64(len(items)) + b"".join(item[4:] for item in items)


def metadata():
    return {
        "general.architecture": "llama",
        "general.name": "chance",
        "general.alignment": ALIGNMENT,
        "llama.vocab_size": len(TOKENS),
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": INNER,
        "llama.rope.dimension_count": HEAD,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS_KV,
        "llama.attention.key_length": HEAD,
        "llama.attention.value_length": HEAD,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.scores": [0.0] * len(TOKENS),
        "tokenizer.ggml.token_type": KINDS,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": TEMPLATE,
    }


def tensors():
    """Each tensor as name, shape (the fastest dimension first) and values."""
    chance = random.Random(SEED)

    def noise(count, scale):
        # The standard deviation of a number drawn evenly from -1..1 is the root of a third.
        reach = 2.0 * scale * 3.0**0.5
        draw = chance.random
        return array.array("f", ((draw() - 0.5) * reach for _ in range(count)))

    def matrix(name, inputs, outputs, scale):
        return name, (inputs, outputs), noise(inputs * outputs, scale)

    def ones(name):
        return name, (WIDTH,), array.array("f", [1.0] * WIDTH)

    embeddings = noise(len(TOKENS) * WIDTH, 0.01)
    for token in range(len(TOKENS)):
        embeddings[token * WIDTH + token] = 1.0
        embeddings[token * WIDTH + WIDTH - 1] = 1.0
    yield "token_embd.weight", (WIDTH, len(TOKENS)), embeddings

    for layer in range(LAYERS):
        block = f"blk.{layer}"
        yield ones(f"{block}.attn_norm.weight")
        yield matrix(f"{block}.attn_q.weight", WIDTH, HEADS * HEAD, 0.1)
        yield matrix(f"{block}.attn_k.weight", WIDTH, HEADS_KV * HEAD, 0.1)
        yield matrix(f"{block}.attn_v.weight", WIDTH, HEADS_KV * HEAD, 0.05)
        yield matrix(f"{block}.attn_output.weight", HEADS * HEAD, WIDTH, 0.002)
        yield ones(f"{block}.ffn_norm.weight")
        yield matrix(f"{block}.ffn_gate.weight", WIDTH, INNER, 0.02)
        yield matrix(f"{block}.ffn_up.weight", WIDTH, INNER, 0.02)
        yield matrix(f"{block}.ffn_down.weight", INNER, WIDTH, 0.01)

    yield ones("output_norm.weight")
    # The norm makes every state as long as the root of its width, and about half of that is the
    # dimension that all tokens share: a weight on it adds that much to a token's logit.
    shared = (WIDTH / 2.0) ** 0.5
    head = noise(len(TOKENS) * WIDTH, 1.0 / shared)
    for token, name in enumerate(TOKENS):
        row = token * WIDTH
        if name in STEADY:
            head[row : row + WIDTH] = array.array("f", [0.0] * WIDTH)
        head[row + WIDTH - 1] = liking(name.replace("\u2581", " ")) / shared
    for token, before, more in AFTER:
        head[TOKENS.index(token) * WIDTH + TOKENS.index(before)] = more / shared
    yield "output.weight", (WIDTH, len(TOKENS)), head


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def gguf():
    """The whole file."""
    entries = metadata()
    weights = list(tensors())
    header = b"GGUF" + u32(3) + u64(len(weights)) + u64(len(entries))
    header += b"".join(text(key) + value(thing) for key, thing in entries.items())
    body = b""
    for name, shape, values in weights:
        header += text(name) + u32(len(shape)) + b"".join(u64(size) for size in shape)
        header += u32(0) + u64(len(body))  # type 0: 32-bit floats
        if sys.byteorder == "big":
            values.byteswap()
        body += padded(values.tobytes())
    return padded(header) + body


def main():
    path = sys.argv[1]
    with open(path + ".part", "wb") as file:
        file.write(gguf())
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
