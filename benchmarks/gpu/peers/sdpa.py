"""Decode attention of PyTorch's SDPA, and of FlashAttention and FlashInfer where they can be imported, on the cases of
benchDecodeAttention. Ragged lanes (every KV head of a row has its own length) are sequences of one head to FlashInfer, and
padded and masked to SDPA."""
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


def imported(name, title):
    try:
        return __import__(name)
    except ImportError:
        print(f"{title} is left out: it cannot be imported.")
        return None


def flash_infer(lengths, group):
    """One launch of FlashInfer over lanes of these lengths, as sequences of one KV head in pages of 16."""
    page = 16
    pages = torch.tensor([(length + page - 1) // page for length in lengths])
    starts = torch.cat((torch.zeros(1), pages.cumsum(0))).int().cuda()
    indices = torch.randperm(int(pages.sum())).int().cuda()
    last = torch.tensor([(length - 1) % page + 1 for length in lengths]).int().cuda()
    wrapper = infer.BatchDecodeWithPagedKVCacheWrapper(torch.empty(2**27, dtype=torch.uint8, device="cuda"), "NHD")
    wrapper.plan(starts, indices, last, group, 1, HEAD_DIM, page, q_data_type=torch.bfloat16, kv_data_type=torch.bfloat16)
    cache = torch.randn(int(pages.sum()), 2, page, 1, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
    queries = torch.randn(len(lengths), group, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
    return lambda: wrapper.run(queries, cache)


def report_infer(title, lengths, group):
    if infer is None:
        return
    try:
        work = flash_infer(lengths, group)
    except Exception as error:
        work = lambda error=error: (_ for _ in ()).throw(error)
    report("FlashInfer", infer.__version__, title, sum(lengths), work)


flash = imported("flash_attn", "FlashAttention")
infer = imported("flashinfer", "FlashInfer")
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
    report_infer(title, [tokens] * (rows * kv_heads), group)
    del q, k, v, rows_of
    torch.cuda.empty_cache()

title, rows, kv_heads, group, tokens = "bf16, 32 x 16K, ragged 1 to 1/16", 32, 8, 4, 16384
lengths = [tokens // (1 + lane * 7 % 16) for lane in range(rows * kv_heads)]
report_infer(title, lengths, group)
make = lambda count: torch.randn(rows, kv_heads, count, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
q, k, v = make(group), make(tokens), make(tokens)
mask = torch.arange(tokens, device="cuda") < torch.tensor(lengths, device="cuda").view(rows, kv_heads, 1, 1)
work = lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
report("PyTorch SDPA, padded and masked", torch.__version__, title, sum(lengths), work)
