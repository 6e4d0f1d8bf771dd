"""Decode attention of PyTorch's SDPA, and of FlashAttention where it can be imported, on the cases of benchDecodeAttention."""
import json

import torch
import torch.nn.functional as F

HEAD_DIM = 128
CASES = [  # title as the other side prints it, rows, KV heads, query heads of each, tokens
    ("bf16, 8 x 16K, 8 KV heads of 4", 8, 8, 4, 16384),
    ("bf16, 8 x 16K, 32 KV heads of 1", 8, 32, 1, 16384),
    ("bf16, 1 x 32K, 8 KV heads of 4", 1, 8, 4, 32768),
    ("bf16, 1 x 4K, 8 KV heads of 4", 1, 8, 4, 4096),
]


def milliseconds(work):
    """One of many launches, the best of five rounds."""
    best = float("inf")
    work()
    for _ in range(5):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(20):
            work()
        end.record()
        end.synchronize()
        best = min(best, start.elapsed_time(end) / 20)
    return best


def report(engine, version, title, entries, work):
    result = {"kind": "peer", "engine": engine, "version": version, "case": title}
    try:
        ms = milliseconds(work)
        result |= {"microseconds": 1e3 * ms, "gigabytesPerSecond": entries * 2 * HEAD_DIM * 2 / ms / 1e6}
    except Exception as error:  # an engine that cannot do a case says so; the next one goes on
        result["error"] = str(error)[:300]
        torch.cuda.empty_cache()
    print(json.dumps(result), flush=True)


def flash_attention():
    try:
        import flash_attn
    except ImportError:
        print("FlashAttention is left out: it cannot be imported.")
        return None
    return flash_attn


flash = flash_attention()
for title, rows, kv_heads, group, tokens in CASES:
    make = lambda heads, count: torch.randn(rows, heads, count, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
    q, k, v = make(kv_heads * group, 1), make(kv_heads, tokens), make(kv_heads, tokens)
    entries = rows * kv_heads * tokens
    grouped = {"enable_gqa": True} if group > 1 else {}
    report("PyTorch SDPA", torch.__version__, title, entries, lambda: F.scaled_dot_product_attention(q, k, v, **grouped))
    # queries of a group as rows of one head: SDPA then reads each key once for all of them
    rows_of = q.view(rows, kv_heads, group, HEAD_DIM)
    report("PyTorch SDPA, group as rows", torch.__version__, title, entries, lambda: F.scaled_dot_product_attention(rows_of, k, v))
    if flash is not None:
        turned = [x.transpose(1, 2).contiguous() for x in (q, k, v)]
        report("FlashAttention", flash.__version__, title, entries, lambda: flash.flash_attn_with_kvcache(*turned))
