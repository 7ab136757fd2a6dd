import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

interface FileDropProperties {
  /** What the file dialog offers. */
  readonly accept: string;
  readonly label?: string;
  readonly onText: (text: string, name: string) => void;
  readonly children?: ComponentChildren;
}

/** A place that takes text files: dropped, or chosen with a button. */
export function FileDrop({ accept, label = "Choose a file", onText, children }: FileDropProperties) {
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const read = async (files: FileList | null | undefined) => {
    for (const file of files ?? []) onText(await file.text(), file.name);
  };
  return (
    <div
      class={isOver ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void read(event.dataTransfer?.files);
      }}
    >
      {children}
      <input ref={input} type="file" accept={accept} class="unseen" aria-label={label} tabIndex={-1} onChange={(event) => void read(event.currentTarget.files).then(() => (input.current!.value = ""))} />
      <button type="button" class="plain" onClick={() => input.current!.click()}>{label}</button>
    </div>
  );
}
