// One function that JavaScript can call. Each file in entries/ ends with a table of these; addon.cc joins the tables.
#pragma once
#include <node_api.h>

namespace kvfold {

struct EntryPoint {
  const char* name;
  napi_callback call;
};

struct EntryTable {
  const EntryPoint* entries;
  int count;
};

template <int n>
constexpr EntryTable entryTable(const EntryPoint (&entries)[n]) {
  return {entries, n};
}

}  // namespace kvfold
