/** The first line of every file we render: what begins otherwise is somebody's own. */
const madeBy = '# Made by `modelflow render`.';

/** One YAML file of several documents. `notes` stand at its head, as comments. */
export async function manyDocuments(objects: readonly object[], notes: readonly string[] = []): Promise<string> {
  const documents = await Promise.all(objects.map(asYaml));
  return `${head(notes)}${documents.map((document) => `---\n${document}`).join('')}`;
}

export async function oneDocument(content: object, notes: readonly string[] = []): Promise<string> {
  return `${head(notes)}${await asYaml(content)}`;
}

function head(notes: readonly string[]): string {
  return [madeBy, ...notes.map((note) => `# ${note}`)].map((line) => `${line}\n`).join('');
}

/** Without anchors or folded lines, and with quotes where a reader of YAML 1.1 would see a boolean or a number. */
async function asYaml(content: object): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(content, { aliasDuplicateObjects: false, lineWidth: 0, compat: 'yaml-1.1' });
}
