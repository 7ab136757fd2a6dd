// How `changeset version` writes the changelogs: what changed for users, with the commit that changed it. All packages of this
// repository have one version, so that lines about new versions of the others would say nothing.
module.exports = {
  getReleaseLine({ commit, summary }) {
    const [first = "", ...rest] = summary.trim().split("\n");
    const source = commit === undefined ? "" : ` (${commit.slice(0, 7)})`;
    const lines = rest.map((line) => (line === "" ? "" : `  ${line}`));
    // The commit stands behind the first sentence's paragraph.
    const end = lines.indexOf("") < 0 ? lines.length : lines.indexOf("");
    const paragraph = [`- ${first}`, ...lines.slice(0, end)];
    paragraph[paragraph.length - 1] += source;
    return Promise.resolve([...paragraph, ...lines.slice(end)].join("\n"));
  },
  getDependencyReleaseLine: () => Promise.resolve(""),
};
