#pragma once
// The statements of the product as a proxy sees them, and the contended row as the database has it.

#include <cstdint>
#include <string>

#include <hedgerow/member.h>

#include "model/time.h"
#include "tests/postgres/proxy.h"
#include "tests/postgres/server.h"

namespace hedgerow::databases_test {

enum class statement : std::uint8_t { other, create, acquire, renew, release, repin, read };

// Of a lease or a lock.
statement kind_of(const postgres_test::proxy_request& one);

struct row_seen {
  bool there = false;
  std::string holder;
  fencing_token token = 0;
  std::int64_t expires_us = 0;
  bool released = false;
};

// Of the lock "contended", by the Unix socket.
row_seen row_of(const postgres_test::postgres_server& server);
// An instant of a candidate whose clock is right, as boot time.
boot_time as_boot_time(std::int64_t us);

}  // namespace hedgerow::databases_test
