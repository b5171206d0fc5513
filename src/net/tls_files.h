#pragma once
// Reading the files of tls_settings.

#include <cstddef>
#include <string>
#include <vector>

#include <hedgerow/error.h>

#include "net/tls_settings.h"

namespace hedgerow::net {

// The bytes of a regular file. Fails with invalid_argument; the text names the file and `what` it
// is for.
result<std::string> read_whole(const std::string& path, const std::string& what,
                               std::size_t bytes_max);

// Tells whether a file was written or replaced: its inode, size and times. A file that is not there
// has a stamp, too. Cheap: one stat for each file.
std::string stamp_of(const tls_settings& files);

// Words for the log where others may read a file that must stay secret; empty: all is well. Not an
// error: orchestrators mount secrets readable for all of a container, where there are no others.
std::string exposure_of(const std::string& path);

}  // namespace hedgerow::net
