import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPython } from '../../core/world/find-python.ts';
import { parsePipConfig, readPipSettings, uvSettings } from '../../core/world/pip-settings.ts';
import { processRunner } from '../../core/world/process.ts';
import { pythonPlace, temporaryFolder } from './kit.ts';

test("what stands in pip's own configuration file and in the environment is read as pip reads it", async () => {
  const folder = temporaryFolder();
  const { env } = await pythonPlace(folder);
  const file = join(folder, 'pip.conf');
  writeFileSync(
    file,
    "[global]\nindex-url = https://global/simple\ntimeout = 7\nfind-links =\n  /a b\n  it's\n[install]\nindex-url = https://install/simple\n[list]\nformat = json\n",
  );
  const all = { ...env, PIP_CONFIG_FILE: file, PIP_TIMEOUT: '9' };
  const process = processRunner({ signal: new AbortController().signal, env: all });
  const python = await findPython({ process, env: all });
  const settings = await readPipSettings({ process, env: all, python });
  expect(settings).toMatchObject({ 'index-url': 'https://install/simple', timeout: '9', 'find-links': "\n/a b\nit's" });
  expect(settings).not.toHaveProperty('format');
  // Without a pip in that Python the environment still counts.
  expect(await readPipSettings({ process, env: all, python: { ...python, hasPip: false } })).toMatchObject({ timeout: '9' });
  // The test would be worth nothing if pip did not say the same.
  expect(execFileSync(python.executable, ['-I', '-m', 'pip', 'config', 'list'], { env: all, encoding: 'utf8' })).toContain(
    'https://install/simple',
  );
});

test('a line that is no setting is passed over', () => {
  expect(parsePipConfig("WARNING: something\nglobal.cert='/c.pem'\n\n")).toEqual({ cert: '/c.pem' });
});

test('uv is told what pip was told', () => {
  const pip = {
    'index-url': 'https://mirror/simple',
    'extra-index-url': 'https://one/simple\nhttps://two/simple',
    'find-links': '/wheels https://three/wheels',
    cert: '/c.pem',
    proxy: 'http://proxy:3128',
    'trusted-host': 'mirror other',
    'default-timeout': '180',
    'no-index': '1',
  };
  expect(uvSettings(pip, {})).toEqual({
    env: {
      UV_DEFAULT_INDEX: 'https://mirror/simple',
      UV_INDEX: 'https://one/simple https://two/simple',
      UV_INDEX_STRATEGY: 'unsafe-best-match',
      UV_FIND_LINKS: '/wheels,https://three/wheels',
      UV_INSECURE_HOST: 'mirror other',
      UV_HTTP_TIMEOUT: '180',
      SSL_CERT_FILE: '/c.pem',
      ALL_PROXY: 'http://proxy:3128',
    },
    args: ['--no-index'],
  });
});

test('what uv was told itself is left alone', () => {
  const pip = {
    'index-url': 'https://mirror/simple',
    'find-links': '/wheels',
    cert: '/c.pem',
    proxy: 'http://proxy:3128',
    'no-index': 'false',
  };
  const own = { UV_INDEX_URL: 'https://own/simple', UV_FIND_LINKS: '/own', SSL_CERT_FILE: '/own.pem', https_proxy: 'http://own:1' };
  expect(uvSettings(pip, own)).toEqual({ env: {}, args: [] });
});
