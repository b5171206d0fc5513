#pragma once
// Loopback means something only within one machine: who advertises it is cut off from all others.

#include <string>
#include <string_view>

#include <hedgerow/member.h>

namespace hedgerow {

// Whether an advertised host:port leads back to the machine that dials it: 127.0.0.0/8, ::1, both
// also as IPv4-mapped, and the names of RFC 6761, section 6.3. Reads IPv6 only as RFC 5952 writes
// it, which is how a node advertises it. No safety rests on the answer.
bool is_loopback(std::string_view address);

// Whether one of the two advertises loopback and they are on different machines. A machine that is
// not known is taken for the same.
bool cut_off(const member& a, const member& b);

// For a node that advertises `own` and is cut off from `other` ("the leader 'a'"): whose address is
// to be changed, and how.
std::string why_cut_off(const std::string& own, const std::string& other,
                        const std::string& address);

}  // namespace hedgerow
