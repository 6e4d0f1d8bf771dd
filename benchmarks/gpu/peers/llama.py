"""Decoding of a Llama-2-7B-shaped model by Hugging Face transformers, at CR 1 and our batch; as llama-7b.mjs times it.

    llama.py RESULTS.jsonl    takes the batch from our line for CR 1; halves it when memory is short, and says so
"""
import json
import sys
import time

import torch

PROMPT, GENERATED, UNTIMED, STEPS = 512, 2048, 2, 8
NAME = "Hugging Face transformers"


def say(**result):
    print(json.dumps({"kind": "7b-peer", "engine": NAME, "cr": 1} | result), flush=True)


def our_batch(path):
    for line in open(path):
        try:
            result = json.loads(line)
        except ValueError:
            continue
        if result.get("kind") == "7b" and result.get("cr") == 1 and result.get("batch"):
            return result["batch"]
    return None


def integrate(points):
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))


def step_at(model, cache_type, config, depth, batch):
    shape = (batch, config.num_key_value_heads, depth, config.hidden_size // config.num_attention_heads)
    cache = cache_type()
    for layer in range(config.num_hidden_layers):
        keys = torch.randn(shape, device="cuda", dtype=torch.bfloat16)
        cache.update(keys, torch.randn_like(keys), layer)
    ids = torch.arange(batch, device="cuda").remainder(config.vocab_size).view(batch, 1)
    took = []
    for i in range(UNTIMED + STEPS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        position = torch.tensor([depth + i], device="cuda")
        out = model(input_ids=ids, past_key_values=cache, use_cache=True, cache_position=position)
        ids = out.logits[:, -1].argmax(-1, keepdim=True)
        ids.cpu()
        if i >= UNTIMED:
            took.append(1e3 * (time.perf_counter() - start))
    del cache
    torch.cuda.empty_cache()
    return sorted(took)[len(took) // 2]


def main():
    try:
        import transformers
        from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        return say(error=f"cannot be imported: {error}")
    batch = our_batch(sys.argv[1])
    if batch is None:
        return say(error="there is no batch of ours to compare with")
    config = LlamaConfig(vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, max_position_embeddings=4096)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"), torch.no_grad():
        model = LlamaForCausalLM(config).eval()
    depths = [PROMPT + round(GENERATED * i / 3) for i in range(4)]
    while batch > 0:
        try:
            with torch.inference_mode():
                points = [(depth, step_at(model, DynamicCache, config, depth, batch)) for depth in depths]
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            batch //= 2
            continue
        rate = 1e3 * batch * GENERATED / integrate(points)
        return say(version=transformers.__version__, batch=batch, tokensPerSecond=rate, depths=points)
    say(error="not one sequence fits")


main()
