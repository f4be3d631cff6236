# SPDX-License-Identifier: Apache-2.0
#
# A client of the purse service.
#
#   purses.py HOST:PORT
import sys

import grpc

from game.v1 import purse_pb2, purse_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    purses = purse_pb2_grpc.PurseServiceStub(channel)
    watch = purses.Watch(purse_pb2.WatchRequest(player="cat"))
    print("cat has", next(watch).coins)
    purses.Earn(purse_pb2.EarnRequest(player="cat", coins=5))
    print("cat has", next(watch).coins)
    watch.cancel()
    try:  # "from" is a word of Python's, so the field is given in this way.
        purses.Give(purse_pb2.GiveRequest(**{"from": "cat"}, to="ann", coins=9))
    except grpc.RpcError as error:
        print(error.code().name, error.details())
