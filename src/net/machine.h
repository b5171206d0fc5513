#pragma once
// Which machine this is, for member::machine: a kernel and a network namespace, since that is what
// shares one loopback.

#include <cstdint>
#include <string>
#include <string_view>

namespace hedgerow::net {

// 16 hex digits: FNV-1a (64 bits) over boot id and namespace, as draft-eastlake-fnv has it. The
// same for every process of the namespace, another one after a restart of the machine.
std::string machine_of(std::string_view boot_id, std::uint64_t network_namespace);

// Of this process; empty where /proc does not tell.
std::string this_machine();

}  // namespace hedgerow::net
