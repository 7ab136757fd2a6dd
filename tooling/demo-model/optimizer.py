"""Muon for the weight matrices (orthogonalised momentum), AdamW for the embedding and the norms."""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(stack):
    """Five Newton-Schulz steps towards the nearest semi-orthogonal matrices; stack is [n, rows, columns]."""
    a, b, c = COEFFICIENTS
    x = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon:
    """Matrices of one shape are stacked and updated together; the update has the root mean square of an Adam step."""

    def __init__(self, parameters, momentum=0.95, decay=0.05):
        self.momentum, self.decay, self.groups = momentum, decay, {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.buffers = {shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate):
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            buffer = self.buffers[shape].mul_(self.momentum).add_(gradient)
            update = orthogonalise(gradient + self.momentum * buffer).float() * (0.2 * max(shape) ** 0.5)
            torch._foreach_mul_(group, 1 - rate * self.decay)
            torch._foreach_add_(group, list(update.unbind()), alpha=-rate)


class Optimizer:
    def __init__(self, model):
        matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
        rest = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
        self.parameters = matrices + rest
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(rest, betas=(0.9, 0.95), weight_decay=0.0, fused=True)

    def step(self, rate):
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.muon.step(rate)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        for parameter in self.parameters:
            parameter.grad = None
