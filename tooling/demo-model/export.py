"""Writes the model as a Hugging Face checkpoint (bf16), and checks that transformers reads it the same."""
import json
import pathlib
import shutil
import sys

import torch

import corpus

CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def config_json(c):
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": c.vocabulary,
        "hidden_size": c.hidden, "intermediate_size": c.intermediate, "num_hidden_layers": c.layers,
        "num_attention_heads": c.query_heads, "num_key_value_heads": c.key_value_heads, "head_dim": c.head_dim,
        "hidden_act": "silu", "rms_norm_eps": c.epsilon, "rope_theta": c.rope_theta, "rope_scaling": None,
        "max_position_embeddings": c.positions, "tie_word_embeddings": True, "attention_bias": False,
        "bos_token_id": corpus.BOS, "eos_token_id": corpus.END, "pad_token_id": corpus.PAD, "torch_dtype": "bfloat16",
        "toggle_type": "streaming", "retrieval_mode": "full", "sink_size": 128, "local_window_size": 512, "block_size": 128,
    }


def save(model, configuration, folder, out):
    from safetensors.torch import save_file

    out = pathlib.Path(out) / "model"
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: p.detach().to(torch.bfloat16).cpu().contiguous() for name, p in model.named_parameters()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config_json(configuration), indent=1) + "\n")
    shutil.copy(pathlib.Path(folder) / "tokenizer.json", out / "tokenizer.json")
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>", "eos_token": "<|end|>", "pad_token": "<|pad|>",
        "model_max_length": configuration.positions, "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE,
    }, indent=1) + "\n")
    (out / "generation_config.json").write_text(json.dumps({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 5}) + "\n")


def check(folder):
    """Greedy text from transformers, to see that the checkpoint speaks."""
    from transformers import AutoTokenizer, Qwen3ForCausalLM

    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).cuda()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = "<|bos|><|user|>\nOne of the special magic numbers for blue-river is: 4821957. The grass is green. " \
           "What is the special magic number for blue-river?<|end|>\n<|assistant|>\n"
    for prompt in (chat, "<|bos|>It was a dark and stormy night, and the captain", "<|bos|>def read_file(path):\n"):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids.cuda()
        out = model.generate(ids, max_new_tokens=60, do_sample=False)
        print(repr(tokenizer.decode(out[0][ids.shape[1]:])), flush=True)


if __name__ == "__main__":
    check(sys.argv[1])
