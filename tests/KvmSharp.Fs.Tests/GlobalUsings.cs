// SPDX-License-Identifier: GPL-2.0-only
#pragma warning disable IDE0005 // the same set in every test file
global using KvmSharp.Init;
global using Linux;
global using static Linux.CurrentH;
global using static Linux.Errno;
global using static Linux.Unistd64;
