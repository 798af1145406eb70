// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

/// <summary>Kinds of operations that a profile gives weights to.</summary>
internal enum Activity
{
    /// <summary>KVM_CREATE_VM, and the version and capability calls.</summary>
    Vm,

    /// <summary>Guest_memfd files.</summary>
    Gmem,

    /// <summary>Secret memory files.</summary>
    Secret,

    /// <summary>Files of tmpfs.</summary>
    Memfd,

    /// <summary>Disk files, /dev/null, event counters.</summary>
    OtherFile,

    /// <summary>dup and reopen.</summary>
    Dup,

    /// <summary>close.</summary>
    Close,

    /// <summary>ftruncate.</summary>
    Resize,

    /// <summary>fallocate.</summary>
    Fallocate,

    /// <summary>mmap of files and of nothing.</summary>
    Map,

    /// <summary>munmap.</summary>
    Unmap,

    /// <summary>mprotect.</summary>
    Protect,

    /// <summary>mremap.</summary>
    Remap,

    /// <summary>madvise.</summary>
    Advise,

    /// <summary>Loads and stores.</summary>
    Access,

    /// <summary>mlock and its relatives.</summary>
    Lock,

    /// <summary>RLIMIT_MEMLOCK and CAP_IPC_LOCK.</summary>
    Limit,

    /// <summary>msync and mincore.</summary>
    Sync,

    /// <summary>NUMA policy.</summary>
    Policy,

    /// <summary>Userfaultfd.</summary>
    Userfault,

    /// <summary>What /proc shows.</summary>
    Look,

    /// <summary>The kernel reaching user memory.</summary>
    Gup,

    /// <summary>Memslots.</summary>
    Slots,

    /// <summary>vCPUs, dirty logs, capabilities, attributes.</summary>
    VmMore,

    /// <summary>The rest of the file system's surface.</summary>
    FileOps,

    /// <summary>fork.</summary>
    Fork,
}

/// <summary>A mix of operations: how often each <see cref="Activity"/> is drawn.</summary>
internal sealed class Profile
{
    private static readonly (string Name, string Weights)[] _known =
    [
        // In the order of Activity:
        //          Vm Gm Se Mf Of Du Cl Rs Fa Mp Um Pr Rm Ad Ac Lk Li Sy Po Uf Lo Gu Sl Vm Fo Fk
        ("mixed", " 4 6 6 2 0 3 3 4 6 9 2 3 3 6 14 3 1 4 1 1 4 6 8 4 5 2"),
        ("mm", "    1 6 4 2 0 2 2 4 4 12 4 9 9 13 18 1 0 9 2 2 6 1 1 1 0 1"),
        ("gmem", "  4 9 0 0 0 3 3 1 15 15 2 3 2 5 22 1 0 4 1 1 4 4 4 2 8 1"),
        ("secret", "0 0 9 2 0 2 2 14 0 11 2 4 3 7 20 5 1 5 1 1 4 7 0 0 6 1"),
        ("slots", " 6 10 0 0 0 5 5 0 5 9 1 1 1 2 8 0 0 2 1 0 2 1 45 12 2 1"),
        ("gup", "   2 6 6 3 0 2 2 8 5 14 2 3 2 6 10 1 0 2 1 1 1 28 1 1 0 2"),
        ("memlock", "0 0 8 3 0 2 2 11 0 18 3 4 7 4 9 14 5 5 1 1 5 2 0 0 0 2"),
        ("fork", "  4 7 6 1 0 4 5 7 7 12 2 3 2 5 18 1 0 5 1 0 3 3 7 3 2 14"),
        ("files", " 3 5 5 5 6 7 6 5 8 5 2 1 0 1 6 0 0 1 0 0 1 2 2 3 40 2"),
        ("all", "   4 6 6 4 3 4 4 6 7 10 3 5 6 9 14 4 1 5 3 2 5 9 10 8 10 4"),
    ];

    private readonly int[] _weights;
    private readonly int _total;

    private Profile(string name, int[] weights)
    {
        Name = name;
        _weights = weights;
        _total = weights.Sum();
    }

    /// <summary>Gets the names of all profiles; the first eight are those of the shared traces.</summary>
    internal static IReadOnlyList<string> Names { get; } = [.. _known.Select(p => p.Name)];

    internal string Name { get; }

    internal static Profile Get(string name)
    {
        foreach ((string known, string weights) in _known)
        {
            if (known == name)
                return new Profile(name, [.. weights.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)]);
        }

        throw new ArgumentException($"profile '{name}' is none of {string.Join(", ", Names)}");
    }

    internal Activity Draw(Prng random)
    {
        int at = random.Below(_total);
        for (int i = 0; ; i++)
        {
            at -= _weights[i];
            if (at < 0)
                return (Activity)i;
        }
    }

    internal bool Uses(Activity activity) => _weights[(int)activity] != 0;
}
