"""Small CLIP tokenizer folders and one of T5, and the ids transformers' tokenizers give for awkward strings.

Writes test/fixtures/tokenizer/{eos-pad,bang-pad,bang-added,json-only,t5}/, cases.json and t5.json.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import regex
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer, T5Tokenizer

PIECES = 200  # of T5
MERGES = 200  # the rarest words of the corpus stay in pieces
T5_LENGTH = 32  # of the sequences that are compared
FIXTURES = Path(__file__).parent.parent / "fixtures" / "tokenizer"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
CORPUS = """
a photo of a cat, flat style, on a teal background. a crying cat in the rain; a small dog, framed in red, on a white
background. the quick brown fox jumps over the lazy dog. a painting of a castle by the sea, oil on canvas, highly
detailed. an astronaut riding a horse on the moon, photorealistic. it's the dog's house, they're there and we've
seen it; i'm sure he'll say he'd rather not, don't you? café naïve résumé über straße señor façade. greyscale, sepia,
negative, pixelated, blurred, tinted, mirrored, large, tiny, rotated. ... --- !!! ??? (( )) "quoted" . , , , ; ;
кошка и собака 猫と犬 고양이 🙂 🙂 🐱 🐱 ❤️ ❤️ 100% 3d 4k 8k the the the a a a of of of on on background background
"""
STRINGS = [
    "",
    " ",
    "a",
    "a cat",
    "A Photo Of A CAT",
    "a photo of a cat, flat style, on a teal background",
    "  several   spaces\tand\na newline \r\n at the end  ",
    "no\u00a0break\u2003space\u3000ideographic\u0085next line\u2028separator",
    "zero\u200bwidth\ufeffmark",
    "it's the dog's house; they're here, we've left",
    "I'M SURE HE'LL SAY HE'D RATHER NOT, DON'T YOU?",
    "'s 't ''s 'x rock'n'roll o'clock ’s it’s",
    "1234567890 3d 4k 100% 1,000.50 -7 1e-4",
    "½ ² ٣ Ⅷ 一二三",
    "wow! really?! ... yes!!! (maybe) [or] {not} <tag>",
    "!",
    "!!",
    "a!b ! c!",
    "path/to\\file_name-v2.png #hash @name $5 & more",
    "punctuation-only: \"“”‘’«»—–…·•†",
    "café naïve résumé façade señor über straße",
    "cafe\u0301 nai\u0308ve e\u0301\u0323 (combining marks)",
    "ΟΔΟΣ ὈΔΥΣΣΕΎΣ ΣΑΣ",
    "İstanbul ISPARTA ıssız ǅ Ǆ ẞ",
    "кошка и собака",
    "猫と犬 が好き 고양이",
    "한글 \u1112\u1161\u11ab",
    "שלום עולם مرحبا بالعالم",
    "नमस्ते दुनिया สวัสดี",
    "🙂",
    "a 🐱 and a 🐶🐶",
    "❤️ ❤ ✌🏽 👩‍👩‍👧 🇬🇧",
    "text🙂text 🙂!🙂",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒷ℴ𝓁𝒹 ＦＵＬＬ",
    "aaaaaaaaaaaaaaaaaaaa",
    "thethethe background backgroundbackground",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "<|startoftext|>a cat<|endoftext|>",
    "a <|endoftext|> b<|endoftext|>c",
    "<|other|> <| |>",
    "a cat,, , ,a dog",
    "tab\tvertical\vform\fbell\u0007null\u0000del\u007f",
    "x" * 3 + "\u0301" * 4,
    "html &amp; &lt;b&gt; entities",
    "a crying cat, on a white background, on a teal background, framed in red",
    "🏳️‍🌈 1️⃣ ©️ ™ № ℃ ﬁne",
]


def byte_letters():
    """CLIP's 256 visible stand-ins for bytes, in the order of its vocabulary ("!" is 0)."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in kept]
    return {**{byte: chr(byte) for byte in kept}, **{byte: chr(256 + n) for n, byte in enumerate(rest)}}


def train_merges(letters):
    words = Counter()
    for word in regex.findall(WORDS, " ".join(CORPUS.lower().split())):
        symbols = [letters[byte] for byte in word.encode()]
        words[(*symbols[:-1], symbols[-1] + "</w>")] += 1
    merges = []
    while len(merges) < MERGES:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        merged = Counter()
        for word, count in words.items():
            symbols, at = [], 0
            while at < len(word):
                step = 2 if word[at : at + 2] == best else 1
                symbols.append("".join(word[at : at + step]))
                at += step
            merged[tuple(symbols)] += count
        words = merged
    return merges


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def special(content):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}


def main():
    letters = byte_letters()
    merges = train_merges(letters)
    tokens = [*letters.values(), *(letter + "</w>" for letter in letters.values()), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    assert len(tokens) == len(set(tokens)) and tokens[0] == "!"
    vocab = {token: number for number, token in enumerate(tokens)}
    bos, eos = special("<|startoftext|>"), special("<|endoftext|>")
    config = {"bos_token": bos, "eos_token": eos, "unk_token": eos, "model_max_length": 77, "do_lower_case": True}
    config["tokenizer_class"] = "CLIPTokenizer"
    special_map = {"bos_token": bos, "eos_token": eos, "unk_token": eos}

    # As they are laid out beside SD 1.x, SD 2.x (the map overrides the config) and SDXL's second encoder.
    added = {
        str(vocab[name]): {**special(name), "normalized": name != "!", "special": True}
        for name in ("!", "<|startoftext|>", "<|endoftext|>")
    }
    folders = {
        "eos-pad": ({**config, "pad_token": "<|endoftext|>"}, {**special_map, "pad_token": "<|endoftext|>"}),
        "bang-pad": ({**config, "pad_token": "<|endoftext|>"}, {**special_map, "pad_token": "!"}),
        "bang-added": ({**config, "pad_token": "!", "added_tokens_decoder": added}, {**special_map, "pad_token": "!"}),
    }
    cases = {}
    for name, (tokenizer_config, special_tokens_map) in folders.items():
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "vocab.json", vocab)
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        write_json(folder / "tokenizer_config.json", tokenizer_config)
        write_json(folder / "special_tokens_map.json", special_tokens_map)
        cases[name] = encode_all(folder)

    # transformers 5 saves one tokenizer.json and no vocab.json.
    shutil.rmtree(FIXTURES / "json-only", ignore_errors=True)
    CLIPTokenizer.from_pretrained(FIXTURES / "bang-pad").save_pretrained(FIXTURES / "json-only")
    cases["json-only"] = encode_all(FIXTURES / "json-only")
    write_json(FIXTURES / "cases.json", cases)
    write_json(FIXTURES / "t5.json", write_t5(FIXTURES / "t5"))


def write_t5(folder):
    """A Unigram model of the corpus, as transformers saves T5's; without SentencePiece's table of rewritten letters."""
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    special_tokens = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=PIECES, special_tokens=special_tokens, unk_token="<unk>")
    pieces.train_from_iterator(CORPUS.splitlines(), trainer)
    vocab = [(piece, score) for piece, score in json.loads(pieces.to_str())["model"]["vocab"]]
    shutil.rmtree(folder, ignore_errors=True)
    T5Tokenizer(vocab=vocab, extra_ids=2, model_max_length=512).save_pretrained(folder)
    tokenizer = T5Tokenizer.from_pretrained(folder)
    size = {"padding": "max_length", "truncation": True, "max_length": T5_LENGTH}
    return {"length": T5_LENGTH, "texts": [[text, tokenizer(text, **size).input_ids] for text in STRINGS]}


def encode_all(folder):
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    return {
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "pad": tokenizer.pad_token_id,
        "maxLength": tokenizer.model_max_length,
        "texts": [[text, tokenizer.encode(text, add_special_tokens=False)] for text in STRINGS],
    }


if __name__ == "__main__":
    main()
