"""The same model behind FastAPI: an ordinary handler, and one that skips what can be skipped (raw body, orjson)."""

import sys

import numpy
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
app = FastAPI()


class Body(BaseModel):
    input: list[list[float]]


@app.post("/ordinary")
async def ordinary(body: Body):
    (output,) = session.run(None, {"x": numpy.array(body.input, numpy.float32)})
    return {"output": output.tolist()}


@app.post("/tuned")
async def tuned(request: Request):
    body = orjson.loads(await request.body())
    (output,) = session.run(None, {"x": numpy.asarray(body["input"], numpy.float32)})
    return Response(orjson.dumps({"output": output}, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
