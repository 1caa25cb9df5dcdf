import { createServer, type Server } from 'node:http';

export interface Page {
  readonly requests?: Readonly<Record<string, number>>;
  /** Cumulative counts by upper bound in seconds. */
  readonly buckets?: Readonly<Record<string, number>>;
  readonly ready?: number;
  readonly status?: number;
  readonly raw?: string;
}

export interface Service {
  readonly url: string;
  page: Page;
  scrapes: number;
  close(): Promise<void>;
}

/** A service whose metrics say what a test wants them to. */
export async function serveMetrics(page: Page): Promise<Service> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/metrics') service.scrapes++;
    response.statusCode = request.url === '/metrics' ? (service.page.status ?? 200) : 404;
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(service.page.raw ?? textOf(service.page));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const service: Service = {
    url: `http://127.0.0.1:${port}`,
    page,
    scrapes: 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return service;
}

function textOf({ requests = {}, buckets = {}, ready = 1 }: Page): string {
  const count = Object.values(requests).reduce((sum, value) => sum + value, 0);
  return [
    '# TYPE modelflow_requests_total counter',
    ...Object.entries(requests).map(([code, value]) => `modelflow_requests_total{protocol="predict",code="${code}"} ${value}`),
    // Health checks while it drained: no concern of a caller's.
    'modelflow_requests_total{protocol="other",code="503"} 100000',
    '# TYPE modelflow_request_duration_seconds histogram',
    ...Object.entries(buckets).map(([le, value]) => `modelflow_request_duration_seconds_bucket{protocol="predict",le="${le}"} ${value}`),
    `modelflow_request_duration_seconds_count{protocol="predict"} ${count}`,
    'modelflow_request_duration_seconds_bucket{protocol="other",le="+Inf"} 100000',
    '# TYPE modelflow_model_ready gauge',
    `modelflow_model_ready ${ready}`,
    '',
  ].join('\n');
}
