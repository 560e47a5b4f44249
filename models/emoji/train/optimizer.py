"""AdamW on flat buffers: the networks' parameters and gradients are bfloat16 views of them, the masters are float32."""
import torch
from torch import nn


class FlatAdamW:
    """Averages the masters every eighth step. Biases and norms aren't decayed.

    Every sixteenth step the masters go half of the way back to where they were sixteen steps before (Lookahead, arXiv 1907.08610).
    """

    EVERY, LOOKAHEAD = 8, 16

    def __init__(self, parameters, rate, decay=0.01, betas=(0.9, 0.99), average=0.998):
        self.average, self.step_count, self.groups = average, 0, []
        parameters = list(parameters)
        for chosen, weight_decay in (([p for p in parameters if p.ndim >= 2], decay), ([p for p in parameters if p.ndim < 2], 0.0)):
            master = torch.cat([p.data.reshape(-1).float() for p in chosen])
            working, gradient, start = master.bfloat16(), torch.zeros(len(master), dtype=torch.bfloat16), 0
            for p in chosen:
                end = start + p.numel()
                p.data, p.grad = working[start:end].view(p.shape), gradient[start:end].view(p.shape)
                start = end
            self.groups.append({"master": nn.Parameter(master), "working": working, "gradient": gradient, "averaged": master.clone(), "slow": master.clone(), "decay": weight_decay})
        self.optimizer = torch.optim.AdamW([{"params": [g["master"]], "weight_decay": g["decay"]} for g in self.groups], lr=rate, betas=betas, fused=True)

    def zero_grad(self):
        for group in self.groups:
            group["gradient"].zero_()

    def step(self, rate, longest=1.0):
        """One step at a learning rate, gradients no longer than `longest` together."""
        for group in self.groups:
            group["master"].grad = group["gradient"].float()
        length = sum(group["master"].grad.norm().item() ** 2 for group in self.groups) ** 0.5
        for group, settings in zip(self.groups, self.optimizer.param_groups):
            group["master"].grad.mul_(min(1, longest / (length + 1e-6)))
            settings["lr"] = rate
        self.optimizer.step()
        self.step_count += 1
        for group in self.groups:
            if self.step_count % self.LOOKAHEAD == 0:
                group["slow"].lerp_(group["master"].data, 0.5)
                group["master"].data.copy_(group["slow"])
            group["working"].copy_(group["master"].data)
            if self.step_count % self.EVERY == 0:
                share = 1 - min(self.average**self.EVERY, (1 + self.step_count) / (10 + self.step_count))
                group["averaged"].lerp_(group["master"].data, share)

    def use_averages(self, use=True):
        """Puts the averages, or the masters again, where the networks read them."""
        for group in self.groups:
            group["working"].copy_(group["averaged"] if use else group["master"].data)

    def state_dict(self):
        flat = [{name: group[name].data for name in ("master", "averaged")} for group in self.groups]
        return {"groups": flat, "optimizer": self.optimizer.state_dict(), "steps": self.step_count}

    def load_state_dict(self, state):
        for group, saved in zip(self.groups, state["groups"]):
            for name, values in saved.items():
                group[name].data.copy_(values)
            group["slow"].copy_(group["master"].data)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step_count = state["steps"]
        self.use_averages(False)
