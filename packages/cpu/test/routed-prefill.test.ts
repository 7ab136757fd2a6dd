import { describeDownloads, describeResumedPrefill, describeRoutedPrefill } from "@elastic-attention/conformance";
import { subjects } from "./instruction-set-levels.js";

describeDownloads(subjects.at(-1)!);
describeRoutedPrefill(subjects.at(-1)!);
for (const subject of new Set([subjects[0]!, subjects.at(-1)!])) describeResumedPrefill(subject, "bits");
