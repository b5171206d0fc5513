#include <hedgerow/security.h>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/output.h"

namespace hedgerow::tools {

int run_secret_new() {
  const auto printed = print(new_secret() + "\n");
  return printed ? exit_done : complain(printed.error());
}

}  // namespace hedgerow::tools
