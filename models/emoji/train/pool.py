"""Computes the text encoder's pooled outputs once: python pool.py --work WORK --tokenizer DIR

WORK/pooled/SEED.pt holds those of one varied caption and the full one of each scene, [n, 2, 256] float16.
"""
import argparse
from pathlib import Path

import torch

from data import Tokenizer
from networks import POOLED_WIDTH, text_encoder
from text import trimmed


def load_text(work, tokenizer):
    encoder = text_encoder(tokenizer)
    encoder.load_state_dict(torch.load(Path(work) / "text.pt", weights_only=True)["text"])
    return encoder.eval().requires_grad_(False)


def pool(encoder, ids, tokenizer):
    """Token ids [n, 40] → float32 [n, 256]; captions of like length together."""
    pooled = torch.empty(len(ids), POOLED_WIDTH)
    with torch.no_grad():
        for rows in (ids == tokenizer.eos).int().argmax(1).argsort().split(500):
            pooled[rows] = encoder(input_ids=trimmed(ids[rows].long(), tokenizer.eos)).text_embeds.float()
    return pooled


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    work, tokenizer = Path(options.work), Tokenizer(options.tokenizer)
    encoder = load_text(work, tokenizer).bfloat16()
    (work / "pooled").mkdir(exist_ok=True)
    for path in sorted((work / "shards").glob("*.pt")):
        kept = work / "pooled" / path.name
        if not kept.exists():
            captions = torch.load(path, weights_only=True)["captions"][:, 2:]
            pooled = pool(encoder, captions.flatten(0, 1), tokenizer).half().view(*captions.shape[:2], -1)
            torch.save({"pooled": pooled}, kept.with_suffix(".new"))
            kept.with_suffix(".new").rename(kept)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
