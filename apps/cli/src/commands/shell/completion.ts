import { InvalidOptionError } from "@elastic-attention/core";
import type { CommandFunction } from "../../program/command-definition.js";
import type { ShellOptions } from "./shell-commands.js";
import { longName, type ShellCommand, shellCommands } from "./command-tree.js";

const program = "elastic-attention";

/** `completion bash|zsh|fish`: a script that completes commands, options, and files behind them. */
export const completion: CommandFunction<ShellOptions> = async ({ positional, options }) => {
  const [shell = ""] = positional;
  const write = Object.hasOwn(scripts, shell) ? scripts[shell as keyof typeof scripts] : undefined;
  if (write === undefined) {
    throw new InvalidOptionError(`There are completions for ${Object.keys(scripts).join(", ")}, not for ${JSON.stringify(shell)}.`, "shell");
  }
  const { commands } = await import("../commands.js");
  const script = write(shellCommands(commands));
  process.stdout.write(options.json ? `${JSON.stringify({ shell, script })}\n` : script);
  return 0;
};

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** Options of each command, and the commands below it, by the words typed so far. */
function bashScript(commands: readonly ShellCommand[]): string {
  const cases = commands.map(({ words, flags }) => `    "${words.join(" ")}") words="${[...below(commands, words), ...flags.map(longName), "--help"].join(" ")}" ;;`);
  return `# bash completion of ${program}
_elastic_attention() {
  local words="" path="" longer word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && break
    longer="\${path:+$path }$word"
    case "$longer" in ${commands.map(({ words }) => `"${words.join(" ")}"`).join("|")}) path=$longer ;; *) break ;; esac
  done
  case "$path" in
    "") words="${[...below(commands, []), "--help", "--version"].join(" ")}" ;;
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _elastic_attention ${program}
`;
}

function zshScript(commands: readonly ShellCommand[]): string {
  return `#compdef ${program}
autoload -U +X bashcompinit && bashcompinit
${bashScript(commands)}`;
}

function fishScript(commands: readonly ShellCommand[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const lines = commands.flatMap(({ words, description, flags }) => {
    const [name = "", inner] = words;
    const condition = inner === undefined ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${name}`;
    return [
      `complete -c ${program} -n ${quote(condition)} -a ${words.at(-1)} -d ${quote(description)}`,
      ...flags.map((flag) => `complete -c ${program} -n ${quote(`__fish_seen_subcommand_from ${words.at(-1)}`)} -l ${longName(flag).slice(2)} -d ${quote(flag.help)}`),
    ];
  });
  return `# fish completion of ${program}\n${lines.join("\n")}\n`;
}

function below(commands: readonly ShellCommand[], words: readonly string[]): string[] {
  return commands.filter((one) => one.words.length === words.length + 1 && words.every((word, index) => one.words[index] === word)).map((one) => one.words.at(-1)!);
}
