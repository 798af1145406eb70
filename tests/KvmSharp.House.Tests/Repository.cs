// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Runtime.CompilerServices;
using Mono.Cecil;

namespace KvmSharp.House.Tests;

/// <summary>The checkout under test and the assemblies built from it.</summary>
internal static class Repository
{
    /// <summary>Folders that mirror Linux.</summary>
    internal static readonly string[] Mirrored = ["include", "lib", "kernel", "fs", "mm", "virt", "arch"];

    internal static readonly string[] MirrorAssemblies = ["KvmSharp.Kernel", "KvmSharp.Arch.X86", "KvmSharp.Arch.Arm64"];

    internal static string Root { get; } = FindRoot();

    internal static IEnumerable<string> Sources(params string[] folders) =>
        folders.Where(f => Directory.Exists(Path.Combine(Root, f)))
            .SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root, f), "*.cs", SearchOption.AllDirectories))
            .Select(Relative)
            .Where(f => !f.Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal);

    internal static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    internal static ModuleDefinition Load(string assembly) => ModuleDefinition.ReadModule(
        Path.Combine(AppContext.BaseDirectory, assembly + ".dll"),
        new ReaderParameters { ReadSymbols = true, InMemory = true, AssemblyResolver = Resolver() });

    private static DefaultAssemblyResolver Resolver()
    {
        var resolver = new DefaultAssemblyResolver();
        resolver.AddSearchDirectory(AppContext.BaseDirectory);
        resolver.AddSearchDirectory(Path.GetDirectoryName(typeof(object).Assembly.Location)!);
        return resolver;
    }

    private static string FindRoot([CallerFilePath] string here = "")
    {
        // The source path is the checkout's unless the build maps paths away; then the binaries lie inside the checkout.
        foreach (string start in new[] { here, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(Path.GetDirectoryName(start)!); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "KvmSharp.sln")))
                    return at.FullName;
            }
        }

        throw new DirectoryNotFoundException("no KvmSharp.sln above the tests");
    }
}
