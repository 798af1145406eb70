// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>A booted x86 host and a monitor on it. Every test ends with a power down that must find nothing left.</summary>
internal abstract class KvmTest
{
    protected const ulong P = 4096;
    protected const ulong N = 4 * P;
    protected const ulong M = GUEST_MEMFD_FLAG_MMAP;
    protected const ulong I = GUEST_MEMFD_FLAG_INIT_SHARED;
    protected const ulong Private = KVM_MEMORY_ATTRIBUTE_PRIVATE;
    protected const ulong Def = 0;
    protected const ulong Swp = 1;
    protected const int Keep = 1;
    protected const int Punch = 3;
    protected const int Sigbus = 7;
    protected const int Sigsegv = 11;
    protected const string Ok = "ok";

    protected static void Run(Action<Vmm> body, ulong type = Def, bool smm = false)
    {
        using Host host = BootHost(smm);
        UserProcess.Run(host.Kernel, "vmm", p => body(new Vmm(p, type)));
        Assert.That(host.PowerDown(), Is.Empty);
    }

    protected static Host BootHost(bool smm = false) =>
        Host.Boot(new HostOptions { Strategy = "none", Cpus = 2, MemoryBytes = 128UL << 20, Smm = smm });

    /// <summary>Compares by the errno's name; anything not negative is ok.</summary>
    protected static void Expect(long result, string expected) => Assert.That(NameOf(result), Is.EqualTo(expected));

    protected static string NameOf(long result) => result is < 0 and >= -4095 ? Errno.Name((int)result) : Ok;

    protected static byte[] Filled(ulong bytes, byte value)
    {
        var data = new byte[bytes];
        Array.Fill(data, value);
        return data;
    }
}
