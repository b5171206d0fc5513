#pragma once
// Nodes with a secret of the group, and what the tests of encryption look for. The base of their
// fixtures.

#include <cstdint>
#include <string>

#include "base/assert.h"
#include "net/net_fixture.h"
#include "net/test_security.h"

namespace hedgerow::net {

class secret_scene : public scene {
 protected:
  transport_options with_secret(const std::string& file_name, const std::string& secrets) {
    transport_options out;
    out.security.secret_file = folder.write(file_name, secrets);
    return out;
  }
  // Dials, and waits for the failure.
  node::failure failed_dial(node& from, const std::string& address) {
    const auto before = from.failed.size();
    from.net->dial(address, {}, seconds(5));
    HEDGEROW_ASSERT(until([&] { return from.failed.size() > before; }));
    return from.failed.back();
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
  }
  static bool logged(const node& at, const std::string& part) {
    for (const auto& line : at.log.lines) {
      if (has(line, part)) return true;
    }
    return false;
  }
  static std::uint64_t count(const node& at, occurrence what) { return at.net->counts()->of(what); }

  test_folder folder;
};

}  // namespace hedgerow::net
