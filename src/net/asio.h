#pragma once
// The only door to Boost.Asio: the switches must be the same in every file that includes it.
// Coroutine support does not compile as C++20 with Boost 1.74 and gcc 12, and we want none.

#ifndef BOOST_ASIO_DISABLE_CO_AWAIT
#define BOOST_ASIO_DISABLE_CO_AWAIT
#endif
#ifndef BOOST_ASIO_NO_DEPRECATED
#define BOOST_ASIO_NO_DEPRECATED
#endif
#ifndef BOOST_ASIO_SEPARATE_COMPILATION
#define BOOST_ASIO_SEPARATE_COMPILATION
#endif

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace hedgerow::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost_error = boost::system::error_code;

}  // namespace hedgerow::net
