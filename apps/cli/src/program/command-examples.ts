/** Two ways to call each command, below its options in help and in the manual page; `elastic-attention` stands before each. */
export const commandExamples: Readonly<Record<string, readonly [string, string]>> = {
  run: ['run --record run.json --file report.txt "What was decided?"', 'run --model Qwen/Qwen3-4B --sparsity 0.7 --speculate ngram --json "Hello" > answer.json'],
  chat: ["chat --model ./Llama-3.1-8B-Instruct", 'chat --system "Answer in one sentence." --quiet'],
  demo: ["demo", "demo --tokens 7600 --backend cuda"],
  serve: ["serve Qwen/Qwen3-4B --port 8000 --api-key-file keys.txt --speculate ngram", "serve ./Llama-3.1-70B-Instruct --backend cuda --gpus 4 --replicas 2 --max-queue 32"],
  tokens: ['tokens --model Qwen/Qwen3-4B "Hello"', "tokens --file report.txt --json"],
  inspect: ["inspect --model ./Qwen3-4B --memory --tokens 131072 --sparsity 0.7 --weights q8_0", 'inspect --file report.txt --svg heads.svg "What was decided?"'],
  forward: ["forward ./model --ids ids.safetensors --out numerics.safetensors", "forward ./model --ids ids.safetensors --out full.safetensors --mode full"],
  bench: ["bench --tokens 4000", "bench --model ./Qwen3-4B --sparsity 0.75 --rounds 5 --cpu-level avx2 --cache-type q8_0"],
  heads: ["heads --model ./Qwen3-4B --out ./Qwen3-4B/heads.json", "heads --out heads.json --tokens 2000 --samples 4"],
  calibrate: ["calibrate --share 0.5", "calibrate --model ./Qwen3-4B --share 0.3 --file report.txt notes.txt --tokens 8192 --json"],
  convert: ["convert ./Qwen3-4B --out Qwen3-4B-Q8_0.gguf --weights q8_0", "convert Qwen3-4B-Q4_K_M.gguf --out ./Qwen3-4B-bf16 --weights bf16"],
  eval: ["eval ruler --model ./Qwen3-4B --mode full,fa-ssa --lengths 8192 --out report", "eval all --preset small --limit 2 --open"],
  compare: ["eval compare report report-dense", "eval compare runs/*"],
  report: ["eval report report", "eval report runs/last"],
  train: ["train --config config.json", "train --config config.json --resume"],
  rows: ["rows recall --model ./SmolLM2.gguf --out train.jsonl.gz --lengths 1024 2048 4096", "rows recall --out copies.jsonl --tasks copy,needle --limit 20 --seed 3"],
  ablate: ["ablate --config config.json --axis width", "ablate --config config.json --axis pooling --json"],
  analyze: ["analyze --config config.json --router routers.safetensors", "analyze --config config.json --router routers.safetensors --json"],
  pull: ["pull Qwen/Qwen3-4B", "pull unsloth/Qwen3-4B-GGUF:Q4_K_M"],
  list: ["list", "list --json"],
  remove: ["remove Qwen/Qwen3-4B", "remove Qwen/Qwen3-4B@main"],
  doctor: ["doctor", "doctor --json"],
  completion: ["completion bash >> ~/.bashrc", "completion fish > ~/.config/fish/completions/elastic-attention.fish"],
  manual: ["manual | man -l -", "manual > /usr/local/share/man/man1/elastic-attention.1"],
};

/** The examples of a command as lines, or nothing. */
export function exampleLines(name: string): readonly string[] {
  return (commandExamples[name] ?? []).map((example) => `elastic-attention ${example}`);
}
