"""Adam and AdamW under a cosine learning rate, the CLIP loss and delta interpolation, in PyTorch.

Writes test/fixtures/losses/{adam,clip,delta}.json. Vectors are float64, so that what is compared is the formula.
"""

import json
import math
from pathlib import Path

import torch

FIXTURES = Path(__file__).parent.parent / "fixtures" / "losses"


def adam_cases(random):
    cases = []
    for optimizer, weight_decay, first, last, betas, eps in [
        (torch.optim.Adam, 0.0, 1e-3, 1e-4, (0.9, 0.999), 1e-8),
        (torch.optim.AdamW, 0.01, 3e-2, 3e-3, (0.9, 0.999), 1e-8),
        (torch.optim.AdamW, 0.2, 1e-2, 0.0, (0.8, 0.95), 1e-4),
    ]:
        steps = 40
        start = torch.zeros(3, 4, dtype=torch.float64) if not cases else torch.randn(3, 4, generator=random).double()
        scales = torch.logspace(-4, 1, 12, dtype=torch.float64).reshape(3, 4)
        gradients = [(torch.randn(3, 4, generator=random).double() + 0.3) * scales for _ in range(steps)]
        parameter = torch.nn.Parameter(start.clone())
        optimise = optimizer([parameter], lr=first, betas=betas, eps=eps, weight_decay=weight_decay)
        rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimise, T_max=steps, eta_min=last)
        values, used = [], []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            used.append(optimise.param_groups[0]["lr"])
            optimise.step()
            rates.step()
            values.append(parameter.detach().flatten().tolist())
        cases.append(
            {
                "options": {
                    "steps": steps,
                    "learningRate": {"from": first, "to": last},
                    "weightDecay": weight_decay,
                    "beta1": betas[0],
                    "beta2": betas[1],
                    "epsilon": eps,
                },
                "start": start.flatten().tolist(),
                "gradients": [gradient.flatten().tolist() for gradient in gradients],
                "rates": used,
                "values": values,
            }
        )
    return cases


def clip_cases(random):
    cases = []
    for size, scale in [(4, 1.0), (64, 0.01), (512, 30.0)]:
        embedding = (scale * torch.randn(size, generator=random)).double().requires_grad_()
        delta = torch.randn(size, generator=random).double()
        loss = 1 - torch.nn.functional.cosine_similarity(embedding, delta, dim=0)
        loss.backward()
        gradient = embedding.grad.tolist()
        cases.append({"embedding": embedding.tolist(), "delta": delta.tolist(), "loss": loss.item(), "gradient": gradient})
    return cases


def delta_cases(random):
    """Delta = [sin((1 - a) w) image + sin(a w) text] / sin w, w the angle between them (Kim et al. 2025)."""
    cases = []
    for size in [3, 64]:
        for alpha in [0.0, 0.3, 0.8, 1.0]:
            image, text = (torch.randn(size, generator=random).double() for _ in range(2))
            angle = torch.acos(torch.nn.functional.cosine_similarity(image, text, dim=0))
            delta = (torch.sin((1 - alpha) * angle) * image + torch.sin(alpha * angle) * text) / torch.sin(angle)
            assert math.isfinite(delta.sum())
            cases.append({"alpha": alpha, "image": image.tolist(), "text": text.tolist(), "delta": delta.tolist()})
    return cases


def main():
    random = torch.Generator().manual_seed(0)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, cases in [("adam", adam_cases(random)), ("clip", clip_cases(random)), ("delta", delta_cases(random))]:
        (FIXTURES / f"{name}.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
