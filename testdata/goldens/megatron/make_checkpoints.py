"""Makes the checkpoints of this folder: tiny random Llama models in the layout of Megatron-core, saved by torch.save.

    python make_checkpoints.py    # torch, numpy, safetensors, transformers; writes beside itself

Nothing of Megatron is needed or used. The forward passes below work on the fused Megatron matrices of the whole model; the
Hugging Face weights are split from them in another way (views), and transformers confirms the result.
"""

import argparse
import enum
import io
import json
import math
import os
import random
import shutil
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
HIDDEN, HEADS, DIM, FFN, LAYERS, VOCAB, PADDED, TOKENS = 16, 4, 8, 20, 2, 29, 32, 24


def stand_in(module, name, members):
    """An enum that pickles under the name of Megatron's own."""
    path = ""
    for part in module.split("."):
        path = f"{path}.{part}" if path else part
        sys.modules.setdefault(path, types.ModuleType(path))
    made = enum.Enum(name, members, module=module, qualname=name)
    setattr(sys.modules[module], name, made)
    return made


ModelType = stand_in("megatron.core.enums", "ModelType", {"encoder_or_decoder": 1})


def arguments(groups, dtype, tensor_parallel, tied, **more):
    """What a training run's args say, and some of what no converter needs."""
    return argparse.Namespace(
        num_layers=LAYERS, hidden_size=HIDDEN, ffn_hidden_size=FFN, num_attention_heads=HEADS, kv_channels=DIM,
        group_query_attention=groups != HEADS, num_query_groups=groups if groups != HEADS else 1,
        max_position_embeddings=64, seq_length=64, padded_vocab_size=PADDED, make_vocab_size_divisible_by=8,
        position_embedding_type="rope", use_rotary_position_embeddings=True, add_position_embedding=False,
        rotary_base=10000, rotary_percent=1.0, rotary_interleaved=False, rotary_seq_len_interpolation_factor=None,
        use_rope_scaling=False, normalization="RMSNorm", norm_epsilon=1e-5, apply_layernorm_1p=False, swiglu=True,
        add_bias_linear=False, add_qkv_bias=False, qk_layernorm=False, untie_embeddings_and_output_weights=not tied,
        num_experts=None, tensor_model_parallel_size=tensor_parallel, pipeline_model_parallel_size=1,
        virtual_pipeline_model_parallel_size=None, context_parallel_size=1, expert_model_parallel_size=1,
        fp16=dtype == torch.float16, bf16=dtype == torch.bfloat16, params_dtype=dtype,
        model_type=ModelType.encoder_or_decoder, transformer_impl="transformer_engine", tokenizer_type="Llama2Tokenizer",
        lr=3e-5, min_lr=3e-6, global_batch_size=1024, micro_batch_size=4, train_samples=1024 * 2000, train_iters=2000,
        data_path=["1.0", "datasets/wiki_text_document"], loss_scale=None, initial_loss_scale=2.0**32,
        dmc_paged_cache_size=40.0, dmc_paged_block_size=256, consumed_train_samples=2**31 + 7, **more,
    )


def random_model(groups, tied, dtype, seed):
    """Whole (not yet split) Megatron matrices."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape, scale: (torch.randn(*shape, generator=g) * scale).to(dtype)
    model = {"embedding.word_embeddings.weight": draw(PADDED, HIDDEN, scale=1)}
    for i in range(LAYERS):
        at = f"decoder.layers.{i}"
        qkv = draw(groups, HEADS // groups + 2, DIM, HIDDEN, scale=0.35)
        qkv[:, :-1, -1] *= 1.5  # the decision channel of q and k: it must go both ways
        model[f"{at}.self_attention.linear_qkv.weight"] = qkv.reshape(-1, HIDDEN).contiguous()
        model[f"{at}.self_attention.linear_qkv.layer_norm_weight"] = 1 + draw(HIDDEN, scale=0.2)
        model[f"{at}.self_attention.linear_proj.weight"] = draw(HIDDEN, HEADS * DIM, scale=0.3)
        model[f"{at}.mlp.linear_fc1.layer_norm_weight"] = 1 + draw(HIDDEN, scale=0.2)
        model[f"{at}.mlp.linear_fc1.weight"] = draw(2 * FFN, HIDDEN, scale=0.3)
        model[f"{at}.mlp.linear_fc2.weight"] = draw(HIDDEN, FFN, scale=0.4)
    model["decoder.final_layernorm.weight"] = 1 + draw(HIDDEN, scale=0.2)
    if not tied:
        model["output_layer.weight"] = draw(PADDED, HIDDEN, scale=0.4)
    return model


def shard(name, tensor, groups, rank, ranks):
    """The part of one tensor-parallel rank."""
    part = lambda t, axis: t.chunk(ranks, axis)[rank]
    if name.endswith("layernorm.weight") or name.endswith("layer_norm_weight"):
        return tensor.clone()
    if "linear_qkv" in name:  # whole groups
        return part(tensor.view(groups, -1, HIDDEN), 0).reshape(-1, HIDDEN).contiguous()
    if "linear_fc1" in name:  # its gate, then its up projection
        gate, up = tensor.chunk(2, 0)
        return torch.cat([part(gate, 0), part(up, 0)]).contiguous()
    return part(tensor, 1 if "linear_proj" in name or "linear_fc2" in name else 0).contiguous().clone()


def state_dict(model, groups, rank, ranks, fused_norms):
    local = {"linear_qkv.layer_norm_weight": "input_layernorm.weight", "linear_fc1.layer_norm_weight": "pre_mlp_layernorm.weight"}
    module = torch.nn.Module()  # for the metadata that a real state dict carries
    out = module.state_dict()
    for name, tensor in model.items():
        if not fused_norms:
            for old, new in local.items():
                if name.endswith(old):
                    name = f"{'.'.join(name.split('.')[:3])}.{new}"
        out[name] = shard(name, tensor, groups, rank, ranks)
        if fused_norms and name.endswith(("linear_qkv.weight", "linear_proj.weight", "linear_fc1.weight", "linear_fc2.weight")):
            extra = io.BytesIO()
            if rank == 0 and name.startswith("decoder.layers.0.self_attention.linear_qkv"):
                torch.save(None, extra)
            out[name.replace(".weight", "._extra_state")] = extra
    return out


def rest_of_checkpoint():
    """Random states and a bit of an optimizer, which a converter skips."""
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    weight = torch.nn.Parameter(torch.ones(3))
    return {
        "optimizer": {
            "optimizer": {
                "state": {0: {"exp_avg": torch.zeros(3), "exp_avg_sq": torch.zeros(3)}},
                "param_groups": [{"lr": np.float64(3e-5), "betas": (0.9, 0.95), "step": 2000, "params": [0]}],
            },
            "fp32_from_fp16_params": [[weight]],
        },
        "opt_param_scheduler": {"max_lr": 3e-5, "num_steps": 2048000, "lr_decay_style": "cosine"},
        "rng_state": [{
            "random_rng_state": random.getstate(),
            "np_rng_state": np.random.get_state(),
            "torch_rng_state": torch.get_rng_state()[:64].clone(),
            "cuda_rng_state": torch.zeros(16, dtype=torch.uint8),
            "rng_tracker_states": {"model-parallel-rng": torch.zeros(16, dtype=torch.uint8)},
        }],
        "devices": {torch.device("cuda", 0)},
    }


def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight


def rope(x, position):
    """Half-split rotation of the last axis."""
    half = DIM // 2
    angle = position * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def forward(model, groups, tied, ids, dmc=None):
    """Logits in float64. `dmc`: (init_val, window, eps) decodes token by token with a merging cache; None is plain attention."""
    w = {name: tensor.double() for name, tensor in model.items()}
    x = w["embedding.word_embeddings.weight"][ids]
    margin, slots = math.inf, []
    for i in range(LAYERS):
        at = f"decoder.layers.{i}"
        fused = rms_norm(x, w[f"{at}.self_attention.linear_qkv.layer_norm_weight"]) @ w[f"{at}.self_attention.linear_qkv.weight"].T
        fused = fused.view(len(ids), groups, HEADS // groups + 2, DIM)
        rows = torch.zeros(len(ids), groups, HEADS // groups, DIM, dtype=torch.float64)
        for group in range(groups):
            q, k, v = fused[:, group, :-2].clone(), fused[:, group, -2].clone(), fused[:, group, -1]
            keys, values, segment = [], [], []
            for t in range(len(ids)):
                merge, omega = False, 1.0
                if dmc is not None:
                    logit = (k[t, -1] - dmc[0]).item()
                    margin = min(margin, abs(logit)) if t > 0 else margin
                    merge = t > 0 and logit > 0
                    omega = torch.sigmoid(q[t, :, -1].mean() + dmc[0]).item() + dmc[2]
                    q[t, :, -1] = 0
                    k[t, -1] = 0
                segment = (segment if merge else []) + [(omega, k[t], v[t])]
                recent = segment[-dmc[1]:] if dmc is not None and dmc[1] > 0 else segment
                total = sum(o for o, _, _ in recent)
                key = rope(sum(o * a for o, a, _ in recent) / total, t)
                value = sum(o * b for o, _, b in recent) / total
                query = rope(q[t], t)
                if dmc is not None:
                    key[-1] = 0
                    query[:, -1] = 0
                if merge:
                    keys[-1], values[-1] = key, value
                else:
                    keys.append(key)
                    values.append(value)
                scores = query @ torch.stack(keys).T / math.sqrt(DIM)
                rows[t, group] = torch.softmax(scores, -1) @ torch.stack(values)
            slots.append(len(keys))
        x = x + rows.reshape(len(ids), -1) @ w[f"{at}.self_attention.linear_proj.weight"].T
        both = rms_norm(x, w[f"{at}.mlp.linear_fc1.layer_norm_weight"]) @ w[f"{at}.mlp.linear_fc1.weight"].T
        gate, up = both.chunk(2, -1)
        x = x + (torch.nn.functional.silu(gate) * up) @ w[f"{at}.mlp.linear_fc2.weight"].T
    x = rms_norm(x, w["decoder.final_layernorm.weight"])
    out = w["embedding.word_embeddings.weight" if tied else "output_layer.weight"][:VOCAB]
    return x @ out.T, margin, torch.tensor(slots, dtype=torch.int32)


def hugging_face(model, groups, tied):
    """The same weights under Hugging Face names, split by views."""
    out = {"model.embed_tokens.weight": model["embedding.word_embeddings.weight"][:VOCAB]}
    for i in range(LAYERS):
        at, to = f"decoder.layers.{i}", f"model.layers.{i}"
        qkv = model[f"{at}.self_attention.linear_qkv.weight"].view(groups, HEADS // groups + 2, DIM, HIDDEN)
        q, k, v = qkv.split([HEADS // groups, 1, 1], 1)
        gate, up = model[f"{at}.mlp.linear_fc1.weight"].view(2, FFN, HIDDEN)
        for name, tensor in [
            ("self_attn.q_proj", q), ("self_attn.k_proj", k), ("self_attn.v_proj", v),
            ("self_attn.o_proj", model[f"{at}.self_attention.linear_proj.weight"]),
            ("mlp.gate_proj", gate), ("mlp.up_proj", up), ("mlp.down_proj", model[f"{at}.mlp.linear_fc2.weight"]),
        ]:
            out[f"{to}.{name}.weight"] = tensor.reshape(-1, tensor.shape[-1])
        out[f"{to}.input_layernorm.weight"] = model[f"{at}.self_attention.linear_qkv.layer_norm_weight"]
        out[f"{to}.post_attention_layernorm.weight"] = model[f"{at}.mlp.linear_fc1.layer_norm_weight"]
    out["model.norm.weight"] = model["decoder.final_layernorm.weight"]
    if not tied:
        out["lm_head.weight"] = model["output_layer.weight"][:VOCAB]
    return {name: tensor.clone().contiguous() for name, tensor in out.items()}


def confirm(weights, config, ids, logits):
    from transformers import LlamaConfig, LlamaForCausalLM

    theirs = LlamaForCausalLM(LlamaConfig(**config)).double()
    theirs.load_state_dict({name: tensor.double() for name, tensor in weights.items()}, strict=False)
    if config["tie_word_embeddings"]:
        theirs.tie_weights()
    difference = (theirs(ids[None]).logits[0] - logits).abs().max().item()
    assert difference < 1e-4, difference  # transformers takes some steps in float32


def make(case, groups, tied, dtype, fused_norms, seed, **dmc):
    model = random_model(groups, tied, dtype, seed)
    ids = torch.randint(0, VOCAB, (TOKENS,), generator=torch.Generator().manual_seed(seed))
    plain, _, _ = forward(model, groups, tied, ids)
    rule = (dmc["dmc_init_val"], dmc["dmc_window_size"], torch.finfo(dtype).eps)
    merged, margin, slots = forward(model, groups, tied, ids, rule)
    assert margin > 2e-3, margin  # no decision is a near-tie
    folder = os.path.join(HERE, case)
    shutil.rmtree(folder, ignore_errors=True)
    for ranks in (1, 2):
        args = lambda: arguments(groups, dtype, ranks, tied, **dmc)
        for rank in range(ranks):
            at = os.path.join(folder, f"tp{ranks}", "iter_0001000", f"mp_rank_{rank:02d}")
            os.makedirs(at)
            checkpoint = {"args": args(), "checkpoint_version": 3.0, "iteration": 1000,
                          "model": state_dict(model, groups, rank, ranks, fused_norms)}
            if ranks == 1 and fused_norms:
                checkpoint.update(rest_of_checkpoint())
            checkpoint["num_floating_point_operations_so_far"] = 1.5e18
            torch.save(checkpoint, os.path.join(at, "model_optim_rng.pt"))
        with open(os.path.join(folder, f"tp{ranks}", "latest_checkpointed_iteration.txt"), "w") as file:
            file.write("1000")
    config = dict(
        model_type="llama", hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=groups, head_dim=DIM, vocab_size=VOCAB,
        max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=tied,
        bos_token_id=1, eos_token_id=2,
    )
    weights = hugging_face(model, groups, tied)
    confirm(weights, config, ids, plain)
    os.makedirs(os.path.join(folder, "hf"))
    save_file(weights, os.path.join(folder, "hf", "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "hf", "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    save_file({"input_ids": ids.int(), "plain.logits": plain.float(), "dmc.logits": merged.float(), "dmc.slots": slots},
              os.path.join(folder, "golden.safetensors"))
    print(case, "entries", slots.tolist(), "of", TOKENS, "margin", round(margin, 4))


def make_tokenizer():
    """Byte-level BPE of VOCAB tokens: three special ones, then letters."""
    tokens = ["<unk>", "<s>", "</s>"] + [chr(65 + i) for i in range(VOCAB - 3)]
    folder = os.path.join(HERE, "tokenizer")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer.json"), "w") as file:
        json.dump({
            "added_tokens": [{"id": i, "content": token, "special": True} for i, token in enumerate(tokens[:3])],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": []},
        }, file)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump({"bos_token": "<s>", "eos_token": "</s>"}, file)


make_tokenizer()
make("gqa", 2, False, torch.bfloat16, True, 11, dmc_init_val=0.25, dmc_window_size=3, dmc_temp=0.1, dmc_cr=4.0,
     dmc_finetune=True, dmc_is_stage_one=False)
make("mha", 4, True, torch.float16, False, 12, dmc_init_val=0.5, dmc_window_size=0, dmc_temp=0.2, dmc_cr=3.0,
     dmc_finetune=False, dmc_is_stage_one=False)
