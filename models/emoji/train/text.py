"""Trains the text encoder alone: every attribute of the scene from its pooled output, by linear heads that are thrown away.

python text.py --work WORK --tokenizer DIR --seconds 300
Seconds are those that the processor worked. Resumes from WORK/text.pt.
"""
import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from data import Classes, Shards, Tokenizer
from networks import POOLED_WIDTH, text_encoder

BATCH, RATE = 256, 2e-3


def trimmed(ids, end):
    """Causal, and pooled at the first end token: what follows does not matter."""
    return ids[:, : int((ids == end).int().argmax(1).max()) + 1]


def accuracy(encoder, heads, shards, names, end):
    """Share of each attribute that is read from full captions."""
    ids = trimmed(shards.validation["captions"][:, -1].long(), end)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        pooled = encoder(input_ids=ids).text_embeds
    labels = shards.validation["labels"].long()
    return {name: round(100 * (head(pooled.float()).argmax(1) == labels[:, i]).float().mean().item(), 1) for i, (name, head) in enumerate(zip(names, heads))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    path, tokenizer = Path(options.work) / "text.pt", Tokenizer(options.tokenizer)
    classes, shards = Classes.load(options.work).values, Shards(options.work, ("captions", "labels"))
    encoder, heads = text_encoder(tokenizer), nn.ModuleList(nn.Linear(POOLED_WIDTH, len(values)) for values in classes.values())
    parameters = [*encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    step, worked = 0, 0.0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        encoder.load_state_dict(saved["text"]), heads.load_state_dict(saved["heads"]), optimizer.load_state_dict(saved["optimizer"])
        step, worked = saved["step"], saved["seconds"]
    generator, total, tick = torch.Generator().manual_seed(step), 0.0, time.process_time()
    while (progress := worked / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * (1 - progress)
        scenes = shards.take(generator, 4 * BATCH)
        ids = scenes["captions"][torch.arange(4 * BATCH), torch.randint(0, 4, (4 * BATCH,), generator=generator)].long()
        # A batch of captions of like length is as short as they are.
        start = BATCH * int(torch.randint(0, 4, (1,), generator=generator))
        rows = (ids == tokenizer.eos).int().argmax(1).argsort()[start : start + BATCH]
        ids, labels = ids[rows], scenes["labels"][rows].long()
        with torch.autocast("cpu", torch.bfloat16):
            pooled = encoder(input_ids=trimmed(ids, tokenizer.eos)).text_embeds
            loss = sum(F.cross_entropy(head(pooled).float(), labels[:, i]) for i, head in enumerate(heads))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step, total = step + 1, total + loss.item()
        now = time.process_time()
        worked, tick = worked + now - tick, now
        if step % 200 == 0:
            shards.refresh()
            print(f"step {step} seconds {worked:.0f} scenes {len(shards)} loss {total / 200:.3f} {accuracy(encoder, heads, shards, classes, tokenizer.eos)}", flush=True)
            total = 0.0
            state = {"text": encoder.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": worked}
            torch.save(state, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
    state = {"text": encoder.state_dict(), "heads": heads.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": worked}
    torch.save(state, path)
    print(f"end: step {step} {accuracy(encoder, heads, shards, classes, tokenizer.eos)}", flush=True)


if __name__ == "__main__":
    main()
