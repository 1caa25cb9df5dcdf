import { join } from 'node:path';
import ts from 'typescript';

/** What the compiler says of files, with the settings of this repository but for unused names, which a page may have. */
export function typeErrors(root: string, files: Readonly<Record<string, string>>): readonly string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const settings = { ...options, noUnusedLocals: false, noUnusedParameters: false, typeRoots: [join(root, 'node_modules/@types')] };
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, getSourceFile, directoryExists } = host;
  host.fileExists = (path) => path in files || fileExists(path);
  host.directoryExists = (path) => Object.keys(files).some((file) => file.startsWith(`${path}/`)) || (directoryExists?.(path) ?? false);
  host.readFile = (path) => files[path] ?? readFile(path);
  host.getSourceFile = (path, version, ...more) => {
    const text = files[path];
    return text === undefined ? getSourceFile(path, version, ...more) : ts.createSourceFile(path, text, version);
  };
  const program = ts.createProgram(Object.keys(files), settings, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.slice(root.length) ?? ''}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
