#pragma once
// The yardstick of a stream: one TCP connection, blocking writes and reads of 64 KiB at its two
// ends, bare or over TLS as OpenSSL does it.

#include <cstddef>
#include <memory>
#include <string>

#include "bench/lib/series.h"
#include "bench/lib/sockets.h"

namespace hedgerow::bench {

inline constexpr std::size_t bulk_bytes = std::size_t{64} * 1024;

// TLS 1.3 by a secret that both know, as a group with a secret has it: no certificates, and
// TLS_AES_128_GCM_SHA256.
enum class protection { none, tls };

// Accepts one connection; reads what the caller announces and then says that it has. Until it ends.
void serve_bulk(int listener, protection how);

class bulk_caller {
 public:
  bulk_caller(const sockaddr_in& at, protection how);
  ~bulk_caller();
  bulk_caller(const bulk_caller&) = delete;
  bulk_caller& operator=(const bulk_caller&) = delete;

  // Writes 64 KiB `count` times; until the other end has read them all.
  clock::duration pour(int count);

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow::bench
