"""Training batches made by worker processes while the GPU computes."""
import json
import multiprocessing
import queue

import numpy as np

# (share of the time at which the stage ends, row length, rows, mixture of text, tasks, copying)
STAGES = [
    (0.10, 1024, 128, (0.42, 0.38, 0.20)),
    (0.42, 2048, 64, (0.38, 0.57, 0.05)),
    (1.01, 8448, 16, (0.34, 0.65, 0.01)),
]


def stage_at(progress):
    return next(index for index, stage in enumerate(STAGES) if progress < stage[0])


def produce(worker, seed, folder, stage, out):
    import os

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import corpus
    import tasks

    encode = corpus.Encoder(f"{folder}/tokenizer.json")
    haystack = corpus.Haystack(f"{folder}/encoded", "train", encode)
    lists = json.load(open(f"{folder}/lists.json"))
    counter = 0
    while True:
        index = stage.value
        _, length, rows, mixture = STAGES[index]
        ids = np.zeros((rows, length + 1), np.uint16)
        weights = np.zeros((rows, length + 1), np.float16)
        for row in range(rows):
            counter += 1
            ids[row], weights[row] = tasks.training_row(
                (seed * 1000 + worker) * 10_000_000 + counter, length, mixture, haystack, encode, lists
            )
        out.put((index, ids, weights))


class Batches:
    """Iterates (ids, weights) of the current stage; `set_stage` moves on and drops what was made for the last one."""

    def __init__(self, folder, seed, workers):
        context = multiprocessing.get_context("spawn")
        self.stage, self.queue = context.Value("i", 0), context.Queue(maxsize=3 * workers)
        self.processes = [
            context.Process(target=produce, args=(worker, seed, folder, self.stage, self.queue), daemon=True)
            for worker in range(workers)
        ]
        for process in self.processes:
            process.start()
        self.waited = 0

    def set_stage(self, index):
        self.stage.value = index

    def next(self):
        while True:
            try:
                index, ids, weights = self.queue.get(timeout=0.02)
            except queue.Empty:
                self.waited += 1
                continue
            if index == self.stage.value:
                return ids, weights

    def close(self):
        for process in self.processes:
            process.kill()
