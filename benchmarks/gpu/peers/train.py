"""Training of a Llama of SmolLM2's 135M shape by PyTorch, eager, SDPA, bfloat16 autocast; as train-135m.mjs times it."""
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

ROWS, LENGTH, UNTIMED, STEPS = 8, 2048, 3, 6
HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, VOCAB = 576, 1536, 30, 9, 3, 49152
DIM = HIDDEN // HEADS


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return F.rms_norm(x, (HIDDEN,), self.weight, 1e-5)


def turn(x, cos, sin):
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList((Norm(), Norm()))
        self.q, self.o = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.k, self.v = (nn.Linear(HIDDEN, KV_HEADS * DIM, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(HIDDEN, INNER, bias=False) for _ in range(2))
        self.down = nn.Linear(INNER, HIDDEN, bias=False)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        h = self.norms[0](x)
        q, k, v = (m(h).view(rows, length, -1, DIM).transpose(1, 2) for m in (self.q, self.k, self.v))
        out = F.scaled_dot_product_attention(turn(q, cos, sin), turn(k, cos, sin), v, is_causal=True, enable_gqa=True)
        x = x + self.o(out.transpose(1, 2).reshape(rows, length, HIDDEN))
        h = self.norms[1](x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(VOCAB, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()

    def forward(self, ids, cos, sin):
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return F.linear(self.norm(x), self.table.weight)


torch.manual_seed(1)
model = Model().cuda()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
ids = torch.randint(VOCAB, (ROWS, LENGTH + 1), device="cuda")
angles = torch.outer(torch.arange(LENGTH), 10000 ** (-torch.arange(0, DIM, 2) / DIM)).repeat(1, 2).cuda()
cos, sin = angles.cos().bfloat16(), angles.sin().bfloat16()
took = []
for step in range(UNTIMED + STEPS):
    torch.cuda.synchronize()
    start = time.perf_counter()
    with torch.autocast("cuda", torch.bfloat16):
        logits = model(ids[:, :-1], cos, sin)
        loss = F.cross_entropy(logits.view(-1, VOCAB), ids[:, 1:].reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    loss.item()
    torch.cuda.synchronize()
    if step >= UNTIMED:
        took.append(time.perf_counter() - start)
median = sorted(took)[len(took) // 2]
result = {"kind": "training-peer", "engine": "PyTorch eager, SDPA", "version": torch.__version__}
print(json.dumps(result | {"rows": ROWS, "length": LENGTH, "tokensPerSecond": ROWS * LENGTH / median}))
