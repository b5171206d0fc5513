#pragma once
// What IP addresses mean.

#include "net/asio.h"

namespace hedgerow::net {

// An IPv4-mapped IPv6 address as the IPv4 address that it stands for; any other as it is.
asio::ip::address unmapped(const asio::ip::address& host);

// 127.0.0.0/8 and ::1.
bool is_loopback(const asio::ip::address& host);

// 0.0.0.0 and ::, which listen on every address of the machine and can't be dialled.
bool is_wildcard(const asio::ip::address& host);

}  // namespace hedgerow::net
