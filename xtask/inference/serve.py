"""Serves a model over HTTP on a free port of this machine alone: `serve.py MODEL`.

Prints `listening on http://127.0.0.1:PORT` on standard output when it can be asked, and ends
when its standard input does, that is, when whoever started it is gone, however that came about.
One request is answered at a time and nothing is cached between them, so that the same question
gets the same answer.
"""

import os
import sys

import xllamacpp


def main():
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.model_alias = {"chance"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.offline = True
    params.ui = False
    params.verbosity = 2
    params.n_ctx = 65536
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.fit_params = False
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.warmup = False
    params.use_jinja = True
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.sampling.seed = 4
    params.sampling.temp = 0.8
    server = xllamacpp.Server(params)
    print("listening on", server.listening_address, flush=True)
    while os.read(0, 4096):
        pass
    # The server has threads of its own that would rather finish first.
    os._exit(0)


if __name__ == "__main__":
    main()
