// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

internal enum FileKind
{
    Vm,
    Vcpu,
    Gmem,
    Secret,
    Memfd,
    TmpFile,
    DevNull,
    EventFd,
}

/// <summary>An open file as the generator knows it; several names may stand for one.</summary>
internal sealed class KnownFile
{
    internal FileKind Kind { get; init; }

    /// <summary>Gets or sets the size by the last call that set it.</summary>
    internal ulong Size { get; set; }

    /// <summary>Gets what KVM_CREATE_GUEST_MEMFD or KVM_CREATE_VM was given.</summary>
    internal ulong Flags { get; init; }

    /// <summary>Gets the VM of a VM, vCPU or guest_memfd.</summary>
    internal KnownVm? Vm { get; init; }

    /// <summary>Gets or sets a lower bound of an event counter's value.</summary>
    internal ulong Counter { get; set; }

    /// <summary>Gets a value indicating whether bytes can be mapped at all.</summary>
    internal bool Mappable => Kind is FileKind.Gmem or FileKind.Secret or FileKind.Memfd or FileKind.TmpFile;
}

/// <summary>A VM with its slots.</summary>
internal sealed class KnownVm
{
    internal Dictionary<uint, KnownSlot> Slots { get; } = [];

    internal int Vcpus { get; set; }

    internal ulong Type { get; init; }
}

internal sealed record KnownSlot(ulong Gpa, ulong Size, uint Flags, string? Map, long Off, string? Gmem, ulong GmemOffset);

/// <summary>A name that stands, or stood, for a descriptor.</summary>
internal sealed record KnownFd(string Name, KnownFile File)
{
    internal bool Open { get; init; } = true;

    /// <summary>Gets a value indicating whether the descriptor is O_PATH.</summary>
    internal bool Path { get; init; }
}

/// <summary>A name that stands for a place in memory.</summary>
internal sealed record KnownMap(string Name, ulong Length, ulong Prot, bool Shared, KnownFile? File, ulong Offset)
{
    /// <summary>Gets a value indicating whether the surroundings are empty, so that places beyond the mapping may be named.</summary>
    internal bool Alone { get; init; } = true;

    /// <summary>Gets a value indicating whether an munmap or mremap has taken the beginning away.</summary>
    internal bool Gone { get; init; }
}

/// <summary>What one process of a sequence has by name. A fork copies it; what becomes of files themselves is shared.</summary>
internal sealed class GeneratorState
{
    private const int ClosedKept = 6;
    private const int GoneKept = 4;

    private readonly List<KnownFd> _fds;
    private readonly List<KnownMap> _maps;

    internal GeneratorState()
    {
        _fds = [];
        _maps = [];
    }

    private GeneratorState(GeneratorState parent)
    {
        _fds = [.. parent._fds];
        _maps = [.. parent._maps];
        FutureLocked = false;
        Depth = parent.Depth + 1;
    }

    internal IReadOnlyList<KnownFd> Fds => _fds;

    internal IReadOnlyList<KnownMap> Maps => _maps;

    /// <summary>Gets the number of forks between this process and the first.</summary>
    internal int Depth { get; }

    /// <summary>Gets or sets how many operations the process has made since its fork.</summary>
    internal int Made { get; set; }

    /// <summary>Gets or sets a value indicating whether new mappings are locked, and so populated.</summary>
    internal bool FutureLocked { get; set; }

    internal GeneratorState Fork() => new(this);

    /// <summary>What a thread knows that is told nothing of what others do to the same objects: a copy that shares nothing.</summary>
    internal GeneratorState Copy()
    {
        var vms = new Dictionary<KnownVm, KnownVm>();
        var files = new Dictionary<KnownFile, KnownFile>();
        var copy = new GeneratorState();
        foreach (KnownFd fd in _fds)
            copy._fds.Add(fd with { File = CopyOf(fd.File)! });
        foreach (KnownMap map in _maps)
            copy._maps.Add(map with { File = CopyOf(map.File) });
        return copy;

        KnownFile? CopyOf(KnownFile? file)
        {
            if (file is null || files.TryGetValue(file, out KnownFile? known))
                return file is null ? null : files[file];
            known = new KnownFile { Kind = file.Kind, Size = file.Size, Flags = file.Flags, Vm = file.Vm is null ? null : VmOf(file.Vm), Counter = file.Counter };
            files.Add(file, known);
            return known;
        }

        KnownVm VmOf(KnownVm vm)
        {
            if (vms.TryGetValue(vm, out KnownVm? known))
                return known;
            known = new KnownVm { Type = vm.Type, Vcpus = vm.Vcpus };
            foreach ((uint id, KnownSlot slot) in vm.Slots)
                known.Slots.Add(id, slot);
            vms.Add(vm, known);
            return known;
        }
    }

    internal int CountOpen(FileKind kind)
    {
        int n = 0;
        foreach (KnownFd fd in _fds)
            n += fd.Open && fd.File.Kind == kind ? 1 : 0;
        return n;
    }

    internal int LiveMaps
    {
        get
        {
            int n = 0;
            foreach (KnownMap map in _maps)
                n += map.Gone ? 0 : 1;
            return n;
        }
    }

    internal KnownFd? FindFd(string name) => _fds.Find(f => f.Name == name);

    internal KnownMap? FindMap(string name) => _maps.Find(m => m.Name == name);

    internal void Add(KnownFd fd) => _fds.Add(fd);

    internal void Add(KnownMap map) => _maps.Add(map);

    internal void MarkClosed(string name)
    {
        int at = _fds.FindIndex(f => f.Name == name);
        if (at < 0)
            return;
        _fds[at] = _fds[at] with { Open = false };
        Forget(_fds, static f => !f.Open, ClosedKept);
    }

    internal void MarkGone(string name)
    {
        int at = _maps.FindIndex(m => m.Name == name);
        if (at < 0)
            return;
        _maps[at] = _maps[at] with { Gone = true };
        Forget(_maps, static m => m.Gone, GoneKept);
    }

    /// <summary>Old names of things that are gone are used a few times more, then never again.</summary>
    private static void Forget<T>(List<T> items, Predicate<T> old, int keep)
    {
        int count = 0;
        foreach (T item in items)
            count += old(item) ? 1 : 0;
        for (; count > keep; count--)
            items.RemoveAt(items.FindIndex(old));
    }
}
