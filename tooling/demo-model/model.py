"""The Qwen3 architecture for training; parameter names are those of the Hugging Face checkpoint."""
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Configuration:
    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 12
    query_heads: int = 8
    key_value_heads: int = 4
    head_dim: int = 64
    intermediate: int = 320
    rope_theta: float = 100_000.0
    epsilon: float = 1e-6
    positions: int = 16_384


def rope_tables(configuration, length, device):
    half = configuration.head_dim // 2
    frequencies = configuration.rope_theta ** (-torch.arange(half, device=device, dtype=torch.float32) / half)
    angles = torch.arange(length, device=device, dtype=torch.float32)[:, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x, cosine, sine):
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.q_proj = nn.Linear(c.hidden, c.query_heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden, c.key_value_heads * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden, c.key_value_heads * c.head_dim, bias=False)
        self.o_proj = nn.Linear(c.query_heads * c.head_dim, c.hidden, bias=False)
        self.q_norm = nn.RMSNorm(c.head_dim, eps=c.epsilon)
        self.k_norm = nn.RMSNorm(c.head_dim, eps=c.epsilon)

    def forward(self, x, cosine, sine):
        c, (batch, length, _) = self.c, x.shape
        q = self.q_norm(self.q_proj(x).view(batch, length, c.query_heads, c.head_dim).float()).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(batch, length, c.key_value_heads, c.head_dim).float()).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, c.key_value_heads, c.head_dim).transpose(1, 2)
        q, k = rotate(q, cosine, sine).to(v.dtype), rotate(k, cosine, sine).to(v.dtype)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden, c.intermediate, bias=False)
        self.up_proj = nn.Linear(c.hidden, c.intermediate, bias=False)
        self.down_proj = nn.Linear(c.intermediate, c.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(c.hidden, eps=c.epsilon)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = nn.RMSNorm(c.hidden, eps=c.epsilon)
        self.mlp = MLP(c)

    def forward(self, x, cosine, sine):
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocabulary, c.hidden)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.hidden, eps=c.epsilon)


class LanguageModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.model = Decoder(c)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * c.layers) ** 0.5 if deep else 0.02)

    def hidden(self, ids):
        cosine, sine = rope_tables(self.c, ids.shape[1], ids.device)
        x = self.model.embed_tokens(ids).to(torch.bfloat16)
        for layer in self.model.layers:
            x = layer(x, cosine, sine)
        return self.model.norm(x)

    def logits(self, ids):
        return F.linear(self.hidden(ids), self.model.embed_tokens.weight)


def weighted_loss(hidden, table, targets, weights):
    """Sum of weighted cross-entropies, computed in row blocks so that float32 logits never all exist at once."""
    total = hidden.new_zeros((), dtype=torch.float32)
    flat, goal, weight = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1), weights.reshape(-1)
    for rows in range(0, len(flat), 32_768):
        part = slice(rows, rows + 32_768)
        logits = F.linear(flat[part], table).float()
        total = total + (F.cross_entropy(logits, goal[part], reduction="none") * weight[part]).sum()
    return total
