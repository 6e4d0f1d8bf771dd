// Every driver function that the addon calls, once: X(name here, exported symbol, parameters).
#pragma once
#include "driver-types.h"

// clang-format off
#define KVFOLD_DRIVER_CALLS(X)                                                                                          \
  X(init, cuInit, (unsigned flags))                                                                                   \
  X(driverVersion, cuDriverGetVersion, (int* version))                                                                \
  X(deviceCount, cuDeviceGetCount, (int* count))                                                                      \
  X(deviceGet, cuDeviceGet, (Device* device, int ordinal))                                                            \
  X(deviceName, cuDeviceGetName, (char* name, int length, Device device))                                             \
  X(deviceUuid, cuDeviceGetUuid_v2, (Uuid* uuid, Device device))                                                      \
  X(deviceAttribute, cuDeviceGetAttribute, (int* value, int attribute, Device device))                                \
  X(deviceMemory, cuDeviceTotalMem_v2, (size_t* bytes, Device device))                                                \
  X(contextRetain, cuDevicePrimaryCtxRetain, (Context* context, Device device))                                       \
  X(contextRelease, cuDevicePrimaryCtxRelease_v2, (Device device))                                                    \
  X(contextSet, cuCtxSetCurrent, (Context context))                                                                   \
  X(memoryInfo, cuMemGetInfo_v2, (size_t* free, size_t* total))                                                       \
  X(memoryAlloc, cuMemAlloc_v2, (Address* address, size_t bytes))                                                     \
  X(memoryFree, cuMemFree_v2, (Address address))                                                                      \
  X(hostAlloc, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                                        \
  X(hostFree, cuMemFreeHost, (void* pointer))                                                                         \
  X(copyToDevice, cuMemcpyHtoDAsync_v2, (Address to, const void* from, size_t bytes, Stream stream))                  \
  X(copyToHost, cuMemcpyDtoHAsync_v2, (void* to, Address from, size_t bytes, Stream stream))                          \
  X(copyOnDevice, cuMemcpyDtoDAsync_v2, (Address to, Address from, size_t bytes, Stream stream))                      \
  X(fillBytes, cuMemsetD8Async, (Address to, unsigned char value, size_t count, Stream stream))                       \
  X(fillWords, cuMemsetD32Async, (Address to, unsigned value, size_t count, Stream stream))                           \
  X(streamCreate, cuStreamCreate, (Stream* stream, unsigned flags))                                                   \
  X(streamDestroy, cuStreamDestroy_v2, (Stream stream))                                                               \
  X(streamSynchronize, cuStreamSynchronize, (Stream stream))                                                          \
  X(captureBegin, cuStreamBeginCapture_v2, (Stream stream, int mode))                                                 \
  X(captureEnd, cuStreamEndCapture, (Stream stream, Graph* graph))                                                    \
  X(graphInstantiate, cuGraphInstantiateWithFlags, (GraphExec* exec, Graph graph, unsigned long long flags))          \
  X(graphDestroy, cuGraphDestroy, (Graph graph))                                                                      \
  X(graphLaunch, cuGraphLaunch, (GraphExec exec, Stream stream))                                                      \
  X(graphExecDestroy, cuGraphExecDestroy, (GraphExec exec))                                                           \
  X(moduleLoad, cuModuleLoadData, (Module* module, const void* image))                                                \
  X(moduleUnload, cuModuleUnload, (Module module))                                                                    \
  X(moduleFunction, cuModuleGetFunction, (Function* function, Module module, const char* name))                       \
  X(functionAttribute, cuFuncGetAttribute, (int* value, int attribute, Function function))                            \
  X(functionSet, cuFuncSetAttribute, (Function function, int attribute, int value))                                   \
  X(launch, cuLaunchKernel, (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,      \
    unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream stream, void** parameters, void** extra))            \
  X(eventCreate, cuEventCreate, (Event* event, unsigned flags))                                                       \
  X(eventDestroy, cuEventDestroy_v2, (Event event))                                                                   \
  X(eventRecord, cuEventRecord, (Event event, Stream stream))                                                         \
  X(eventSynchronize, cuEventSynchronize, (Event event))                                                              \
  X(eventElapsed, cuEventElapsedTime, (float* milliseconds, Event start, Event end))
// clang-format on
