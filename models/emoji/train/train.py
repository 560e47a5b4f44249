"""Trains text encoder, image encoder and UNet together: denoising (v-prediction) and CLIP's contrastive loss.

python train.py --data DIR --work DIR --minutes 80 [--batch 64] [--seed 0] [--tokenizer DIR] [--device cuda]
Resumes from WORK/checkpoint.pt; the learning rate follows the minutes trained so far, over all runs. Where the tokenizer
knows other words than the checkpoint's did, the words that both know keep their embedding, and new ones start fresh; the
principal components stay those of the checkpoint. A checkpoint that names neither (they are not in the first ones) needs
--old-tokenizer DIR and --old-pca prepared.pt.
"""
import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from networks import LATENT_CHANNELS, PATCH, TRAIN_TIMESTEPS, Tokenizer, alphas_cumprod, build

HERE = Path(__file__).parent


def load_pictures(folder):
    """uint8 [n, side, side, 3]; the side is what the file's length makes it."""
    with open(Path(folder) / "scenes.jsonl", "rb") as scenes:
        count = sum(1 for _ in scenes)
    flat = np.fromfile(Path(folder) / "pictures.u8", np.uint8)
    side = math.isqrt(len(flat) // count // 3)
    return flat.reshape(count, side, side, 3)


def patches(pictures):
    """uint8 [n, side, side, 3] → float [n · (side/8)², 192] in −1…1, channel-major inside a patch as a convolution reads it."""
    x = torch.from_numpy(np.array(pictures)).float() / 127.5 - 1
    grid = x.shape[1] // PATCH
    return x.reshape(-1, grid, PATCH, grid, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(-1, 192)


def principal_components(pictures):
    """Mean, directions [48, 192] and scales [48]: channels hardly whitened (variance^−0.1), strongest channel at deviation 2."""
    x = patches(pictures)
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, directions = values.flip(0)[:LATENT_CHANNELS], vectors.T.flip(0)[:LATENT_CHANNELS]
    scales = values**-0.1
    return {"mean": mean, "directions": directions, "scales": scales * 2 / (scales[0] * values[0].sqrt())}


def encode(pca, pictures):
    z = (patches(pictures) - pca["mean"]) @ (pca["directions"] * pca["scales"][:, None]).T
    grid = pictures.shape[1] // PATCH
    return z.reshape(-1, grid, grid, LATENT_CHANNELS).permute(0, 3, 1, 2)


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def prepare(data, work, tokenizer, pca=None):
    """Latents, captions and components, kept in `work`, and computed anew where vocabulary, components or number of pictures differ.

    `pca`: components to use; without any, those of the first 20,000 pictures.
    """
    path, pictures = Path(work) / "prepared.pt", load_pictures(data)
    if path.exists():
        prepared = torch.load(path, weights_only=True)
        usable = prepared.get("vocab") == tokenizer.vocab and (pca is None or same(prepared["pca"], pca))
        if usable and len(prepared["latents"]) == len(pictures):
            return prepared
    pca = pca or principal_components(pictures[:20000])
    latents = torch.cat([encode(pca, pictures[i : i + 2000]).half() for i in range(0, len(pictures), 2000)])
    lines = (Path(data) / "captions.txt").read_text().splitlines()
    captions = torch.tensor([[tokenizer(caption) for caption in line.split("\t")] for line in lines], dtype=torch.int16)
    prepared = {"pca": pca, "latents": latents, "captions": captions, "vocab": tokenizer.vocab}
    torch.save(prepared, path)
    return prepared


EMBEDDING = "text.text_model.embeddings.token_embedding.weight"


def grow(saved, old_vocab, vocab, networks, decayed):
    """Gives a checkpoint the rows of another vocabulary: by word where both have it, fresh (of `networks`) where not.

    `decayed`: the parameters of the optimizer's first group, in order.
    """
    if old_vocab == vocab:
        return
    fresh = networks.state_dict()[EMBEDDING]
    both = [word for word in vocab if word in old_vocab]
    new, old = torch.tensor([vocab[word] for word in both]), torch.tensor([old_vocab[word] for word in both])

    def moved(rows, start):
        grown = start.clone()
        grown[new] = rows[old]
        return grown

    saved["networks"][EMBEDDING] = moved(saved["networks"][EMBEDDING], fresh)
    saved["average"][EMBEDDING] = moved(saved["average"][EMBEDDING], fresh)
    parameter = dict(networks.named_parameters())[EMBEDDING]
    moments = saved["optimizer"]["state"][next(i for i, p in enumerate(decayed) if p is parameter)]
    for name in ("exp_avg", "exp_avg_sq"):
        moments[name] = moved(moments[name], torch.zeros_like(fresh))
    print(f"vocabulary: {len(both)} of {len(vocab)} entries kept")


def contrast(image_embeds, text_embeds, temperature):
    """CLIP's symmetric loss over the batch, and how often a picture finds its caption."""
    logits = temperature.exp().clamp(max=50) * F.normalize(image_embeds.float(), dim=-1) @ F.normalize(text_embeds.float(), dim=-1).T
    matches = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, matches) + F.cross_entropy(logits.T, matches)) / 2, (logits.argmax(1) == matches).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10**9, help="stop after so many steps (for timing)")
    parser.add_argument("--device", default="cpu", help="cuda, where there is a GPU")
    parser.add_argument("--fine", type=int, default=128, help="width of the UNet at an eighth of the picture's side, a multiple of 64")
    parser.add_argument("--coarse", type=int, default=320, help="its width at a sixteenth, a multiple of 64")
    parser.add_argument("--tokenizer", default=HERE.parent / "tokenizer")
    parser.add_argument("--old-tokenizer", help="folder of the tokenizer that a checkpoint without a vocabulary was trained with")
    parser.add_argument("--old-pca", help="prepared.pt with the components that a checkpoint without any was trained with")
    options = parser.parse_args()
    Path(options.work).mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.set_flush_denormal(True)

    device, tokenizer = torch.device(options.device), Tokenizer(options.tokenizer)
    checkpoint = Path(options.work) / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True, map_location=device) if checkpoint.exists() else None
    pca = None
    if saved:
        if not ("pca" in saved or options.old_pca) or not ("vocab" in saved or options.old_tokenizer):
            parser.error(f"{checkpoint} names no vocabulary or no components: give --old-tokenizer and --old-pca")
        pca = saved["pca"] if "pca" in saved else torch.load(options.old_pca, weights_only=True, mmap=True)["pca"]
        pca = {name: value.clone().cpu() for name, value in pca.items()}
    prepared = prepare(options.data, options.work, tokenizer, pca)
    latents, captions, pictures = prepared["latents"], prepared["captions"], load_pictures(options.data)
    empty = torch.tensor(tokenizer(""), dtype=torch.int64)

    sizes = {"side": pictures.shape[1], "fine": options.fine, "coarse": options.coarse}
    networks = build(tokenizer, **sizes).to(device, memory_format=torch.channels_last)
    for name, part in networks.items():
        print(name, f"{sum(p.numel() for p in part.parameters()) / 1e6:.2f} M")
    average = {name: value.clone() for name, value in networks.state_dict().items()}
    decayed = [p for p in networks.parameters() if p.ndim >= 2]
    others = [p for p in networks.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=options.lr, betas=(0.9, 0.99), fused=True)
    step, trained = 0, 0.0
    if saved:
        grow(saved, saved["vocab"] if "vocab" in saved else Tokenizer(options.old_tokenizer).vocab, tokenizer.vocab, networks, decayed)
        networks.load_state_dict(saved["networks"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step, trained = saved["average"], saved["step"], saved["seconds"]
        del saved
    abar = alphas_cumprod().to(device)
    first_step, tick = step, time.time()
    last_save, sums, counts = tick, torch.zeros(3), torch.zeros(3)
    random = np.random.default_rng(options.seed + step)

    def save():
        state = {"networks": networks.state_dict(), "average": average, "optimizer": optimizer.state_dict(), "step": step, "seconds": trained}
        torch.save({**state, "vocab": tokenizer.vocab, "pca": prepared["pca"], "sizes": sizes}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)

    while trained < options.minutes * 60 and step - first_step < options.steps:
        progress = trained / (options.minutes * 60)
        rate = options.lr * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = np.sort(random.integers(0, len(latents), options.batch))
        rows = torch.from_numpy(chosen)
        z = latents[rows].float().to(device).contiguous(memory_format=torch.channels_last)
        ids = captions[rows, torch.randint(0, captions.shape[1], (options.batch,))].long()
        dropped = torch.rand(options.batch) < 0.1
        ids[dropped] = empty
        ids, dropped = ids.to(device), dropped.to(device)
        with_pictures = step % 2 == 0  # the contrastive loss costs a sixth of a step; half of the steps are enough
        pixels = (torch.from_numpy(pictures[chosen]).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        # Stratified over the batch: every batch sees the whole range of noise.
        t = ((torch.randperm(options.batch) + torch.rand(options.batch)) / options.batch * TRAIN_TIMESTEPS).long().to(device)
        signal, noise_level = abar[t].sqrt()[:, None, None, None], (1 - abar[t]).sqrt()[:, None, None, None]
        noise = torch.randn_like(z)
        target = signal * noise - noise_level * z
        with torch.autocast(device.type, torch.bfloat16):
            text = networks["text"](input_ids=ids)
            prediction = networks["unet"](signal * z + noise_level * noise, t, text.last_hidden_state, text.text_embeds)
            image_embeds = networks["image"](pixels) if with_pictures else None
        denoising = F.mse_loss(prediction.float(), target)
        contrastive, top1 = contrast(image_embeds[~dropped], text.text_embeds[~dropped], networks.temperature) if with_pictures else (torch.zeros(()), 0)
        loss = denoising + 0.04 * contrastive
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
        optimizer.step()
        decay = min(0.9992, (1 + step) / (10 + step))
        with torch.no_grad():
            state = networks.state_dict()
            torch._foreach_lerp_([average[k] for k in state], list(state.values()), 1 - decay)
        step += 1
        sums += torch.tensor([denoising.item(), contrastive.item(), top1])
        now = time.time()
        trained += now - tick
        tick = now
        counts += torch.tensor([1, with_pictures, with_pictures])
        if step % 100 == 0 or step - first_step == options.steps:
            denoised, contrasted, found = sums / counts
            print(f"step {step} minutes {trained / 60:.1f} denoising {denoised:.4f} contrastive {contrasted:.3f} top1 {found:.3f} lr {rate:.2e}", flush=True)
            sums.zero_(), counts.zero_()
        if now - last_save > 240:
            save()
            last_save = now
    save()


if __name__ == "__main__":
    main()
